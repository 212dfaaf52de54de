"""What LiveKit is told of servers that break: `livekit_errors.py` with a list of [name, address, token, voice] on
stdin, the last of which works. Prints by name the error of a stream, how often it was tried, how long it took, and
whether LiveKit's fallback took the last one."""

import asyncio
import json
import logging
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from livekit.agents import APIConnectOptions, APIError
from livekit.agents.tts import FallbackAdapter

from gapless.doors.livekit import TTS


async def told(address, token, voice):
    tts = TTS(address=address, token=token, voice=voice)
    errors = []
    tts.on("error", errors.append)
    stream = tts.stream(conn_options=APIConnectOptions(max_retry=1, retry_interval=0.0, timeout=3.0))
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


async def is_rescued(case, working):
    """Whether the other plug-in speaks where the first one does not."""
    plug_ins = [TTS(address=address, token=token, voice=voice) for address, token, voice in (case, working)]
    fallback = FallbackAdapter(plug_ins, max_retry_per_tts=0)
    stream = fallback.stream(conn_options=APIConnectOptions(timeout=3.0))
    stream.push_text("word, word, word.")
    stream.end_input()
    heard_s = sum([event.frame.duration async for event in stream])
    await stream.aclose()
    await fallback.aclose()
    for plug_in in plug_ins:
        await plug_in.aclose()
    return heard_s > 0


async def main():
    cases = {name: case for name, *case in json.load(sys.stdin)}
    working = list(cases.values())[-1]
    seen = await asyncio.gather(*(told(*case) for case in cases.values()))
    rescued = await asyncio.gather(*(is_rescued(case, working) for case in cases.values()))
    print(json.dumps({name: {**one, "rescued": by} for name, one, by in zip(cases, seen, rescued)}))


logging.disable(logging.CRITICAL)
asyncio.run(main())
