"""What LiveKit is told of servers that break: `livekit_errors.py` with a list of [name, address, token, voice] on
stdin. Prints by name the error of a stream, how often it was tried, and how long it took."""

import asyncio
import json
import logging
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from livekit.agents import APIConnectOptions, APIError

from gapless.doors.livekit import TTS


async def told(address, token, voice):
    tts = TTS(address=address, token=token, voice=voice)
    errors = []
    tts.on("error", errors.append)
    stream = tts.stream(conn_options=APIConnectOptions(max_retry=1, retry_interval=0.0, timeout=1.0))
    for _ in range(40):
        stream.push_text("word, ")
    stream.end_input()
    began, raised, heard_s = time.monotonic(), None, 0.0
    try:
        async for event in stream:
            heard_s += event.frame.duration
    except APIError as error:
        raised = {
            "class": type(error).__name__,
            "status": getattr(error, "status_code", None),
            "retryable": error.retryable,
        }
    await stream.aclose()
    await tts.aclose()
    return {"error": raised, "tries": len(errors), "sounded": heard_s > 0, "took_s": time.monotonic() - began}


async def main():
    print(json.dumps({name: await told(*case) for name, *case in json.load(sys.stdin)}))


logging.disable(logging.CRITICAL)
asyncio.run(main())
