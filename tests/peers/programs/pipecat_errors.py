"""What pipecat is told of servers that break: `pipecat_errors.py` with a list of [name, address, token, voice] on
stdin. Prints by name the categories of the errors, and whether the service is still given work."""

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from loguru import logger
from pipecat.frames.frames import (
    ErrorFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.tests.utils import run_test

from gapless.doors.pipecat import GaplessTTSService


async def told(address, token, voice):
    settings = GaplessTTSService.Settings(voice=voice)
    tts = GaplessTTSService(address=address, token=token, timeout_s=1.0, settings=settings)
    words = [LLMTextFrame("word, ") for _ in range(40)]
    sent = [LLMFullResponseStartFrame(), *words, LLMFullResponseEndFrame()]
    down, up = await run_test(tts, frames_to_send=sent)
    errors = [frame for frame in up if isinstance(frame, ErrorFrame) and frame.exception]
    return {
        "categories": [error.category.value for error in errors],
        "usable": tts.is_usable,
        "sounded": any(isinstance(frame, TTSAudioRawFrame) for frame in down),
        "said": sum(isinstance(frame, TTSTextFrame) for frame in down),
        "stopped": sum(isinstance(frame, TTSStoppedFrame) for frame in down),
    }


async def main():
    print(json.dumps({name: await told(*case) for name, *case in json.load(sys.stdin)}))


logger.remove()
asyncio.run(main())
