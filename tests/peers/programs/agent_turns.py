"""An example agent of docs/examples: `agent_turns.py pipecat|livekit ADDRESS FOLDER` with turns on stdin.

Turns come as JSON, a list of [answer, after how many seconds of sound somebody interrupts, or null]. What is heard of
turn N is written to FOLDER/N.pcm."""

import asyncio
import json
import logging
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "examples")]

from scripted_conversation import Line

FRAMEWORK, ADDRESS, FOLDER = sys.argv[1:4]


async def with_pipecat(script):
    from loguru import logger
    from pipecat_agent import converse

    from gapless.doors.pipecat import GaplessTTSService

    logger.remove()
    return await converse(GaplessTTSService(address=ADDRESS, settings=GaplessTTSService.Settings(voice="karl")), script)


async def with_livekit(script):
    from livekit_agent import converse

    from gapless.doors.livekit import TTS

    logging.disable(logging.CRITICAL)
    return await converse(TTS(address=ADDRESS, voice="karl"), script)


async def main():
    script = [Line(f"Turn {n}.", answer, after_s) for n, (answer, after_s) in enumerate(json.load(sys.stdin))]
    said, _ = await {"pipecat": with_pipecat, "livekit": with_livekit}[FRAMEWORK](script)
    for number, turn in enumerate(said):
        Path(FOLDER, f"{number}.pcm").write_bytes(turn.heard)
    told = [{name: getattr(turn, name) for name in ("remembered", "first_sound_s", "silent_s")} for turn in said]
    print(json.dumps(told))


asyncio.run(main())
