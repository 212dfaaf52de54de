"""The example agent of docs/livekit.md: `livekit_agent_turns.py ADDRESS FOLDER` with turns on stdin.

Turns come as JSON, a list of [answer, after how many seconds of sound somebody interrupts, or null]. What is heard of
turn N is written to FOLDER/N.pcm."""

import asyncio
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "examples")]

from livekit_agent import Line, converse

from gapless.doors.livekit import TTS

ADDRESS, FOLDER = sys.argv[1:3]


async def main():
    script = [Line(f"Turn {n}.", answer, after_s) for n, (answer, after_s) in enumerate(json.load(sys.stdin))]
    tts = TTS(address=ADDRESS, voice="karl")
    said, _ = await converse(tts, script)
    for number, turn in enumerate(said):
        Path(FOLDER, f"{number}.pcm").write_bytes(turn.heard)
    print(json.dumps([{"remembered": turn.remembered, "first_sound_s": turn.first_sound_s} for turn in said]))


asyncio.run(main())
