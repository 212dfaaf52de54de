"""What pipecat is told of servers that break: `pipecat_errors.py` with a list of [name, address, token, voice] on
stdin, the last of which works. Prints by name the categories of the errors, whether the service is still given work, and
whether the next turn is spoken where pipecat's switcher has the last one as well."""

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
from pipecat.pipeline.service_switcher import ServiceSwitcher, ServiceSwitcherStrategyFailover
from pipecat.tests.utils import SleepFrame, run_test

from gapless.doors.pipecat import GaplessTTSService


def service(address, token, voice):
    settings = GaplessTTSService.Settings(voice=voice)
    return GaplessTTSService(address=address, token=token, timeout_s=3.0, settings=settings)


def turn(words):
    tokens = [LLMTextFrame("word, ") for _ in range(words)]
    return [LLMFullResponseStartFrame(), *tokens, LLMFullResponseEndFrame()]


async def told(*case):
    tts = service(*case)
    down, up = await run_test(tts, frames_to_send=turn(40))
    errors = [frame for frame in up if isinstance(frame, ErrorFrame) and frame.exception]
    return {
        "categories": [error.category.value for error in errors],
        "usable": tts.is_usable,
        "sounded": any(isinstance(frame, TTSAudioRawFrame) for frame in down),
        "said": sum(isinstance(frame, TTSTextFrame) for frame in down),
        "stopped": sum(isinstance(frame, TTSStoppedFrame) for frame in down),
    }


async def is_rescued(case, working):
    """Whether the turn after the one that fails is spoken."""
    switcher = ServiceSwitcher([service(*case), service(*working)], ServiceSwitcherStrategyFailover)
    down, _ = await run_test(switcher, frames_to_send=[*turn(3), SleepFrame(sleep=2.0), *turn(3)])
    return any(isinstance(frame, TTSAudioRawFrame) for frame in down)


async def main():
    cases = {name: case for name, *case in json.load(sys.stdin)}
    working = list(cases.values())[-1]
    seen = await asyncio.gather(*(told(*case) for case in cases.values()))
    rescued = await asyncio.gather(*(is_rescued(case, working) for case in cases.values()))
    print(json.dumps({name: {**one, "rescued": by} for name, one, by in zip(cases, seen, rescued)}))


logger.remove()
asyncio.run(main())
