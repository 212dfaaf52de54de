"""An agent's turns through LiveKit's NVIDIA plug-in: `livekit_turns.py ADDRESS FOLDER` with turns on stdin.

Turns come as JSON, a list of [text, after how many seconds of waiting somebody interrupts, or null]. What is heard of
turn N is written to FOLDER/N.pcm."""

import asyncio
import json
import sys
import time

from livekit.plugins import nvidia

ADDRESS, FOLDER = sys.argv[1:3]


async def turn(tts, number, text, interrupted_after_s):
    begun = time.time()
    heard, interrupted = bytearray(), None
    stream = tts.stream()
    for word in text.split(" "):
        stream.push_text(word + " ")
    stream.end_input()
    async for event in stream:
        heard += event.frame.data.tobytes()
        if interrupted_after_s is not None:
            await asyncio.sleep(interrupted_after_s)
            interrupted = time.time()
            break
    await stream.aclose()
    with open(f"{FOLDER}/{number}.pcm", "wb") as file:
        file.write(heard)
    return {"begun": begun, "interrupted": interrupted, "closed": time.time()}


async def main():
    turns = json.load(sys.stdin)
    tts = nvidia.TTS(server=ADDRESS, use_ssl=False, voice="Gapless.karl")
    told = [await turn(tts, number, text, after_s) for number, (text, after_s) in enumerate(turns)]
    voices = await asyncio.to_thread(tts.list_voices)
    await tts.aclose()
    print(json.dumps({"turns": told, "voices": voices}))


asyncio.run(main())
