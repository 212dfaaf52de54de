"""Runs in the environment of pipecat and LiveKit: `first_audio_in_frameworks.py ADDRESS ROUNDS` with texts on stdin.
Prints, for the client and for each framework, after how many milliseconds the first audio of each text came."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from gapless.client import Client
from gapless.doors.livekit import TTS
from gapless.doors.pipecat import GaplessTTSService

RATE, SEED = 24_000, 7
PAUSE_S = 0.05

Way = Callable[[str], Awaitable[float]]


def over_client(client: Client) -> Way:
    async def say(text: str) -> float:
        began, first_s = time.monotonic(), 0.0
        async for _ in client.say(text, seed=SEED, sample_rate=RATE, want_alignment=True):
            first_s = first_s or time.monotonic() - began
        return first_s

    return say


def over_livekit(tts: TTS) -> Way:
    async def say(text: str) -> float:
        began, first_s = time.monotonic(), 0.0
        async with tts.stream() as stream:
            stream.push_text(text)
            stream.end_input()
            async for _ in stream:
                first_s = first_s or time.monotonic() - began
        return first_s

    return say


class Ears(FrameProcessor):
    def __init__(self) -> None:
        super().__init__()
        self.first_at = 0.0
        self.stopped = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self.first_at = self.first_at or time.monotonic()
        elif isinstance(frame, TTSStoppedFrame):
            self.stopped.set()
        await self.push_frame(frame, direction)


def over_pipecat(worker: PipelineWorker, ears: Ears) -> Way:
    async def say(text: str) -> float:
        ears.first_at = 0.0
        ears.stopped.clear()
        began = time.monotonic()
        for frame in (LLMFullResponseStartFrame(), LLMTextFrame(text), LLMFullResponseEndFrame()):
            await worker.queue_frame(frame)
        await ears.stopped.wait()
        return ears.first_at - began

    return say


async def measure(ways: dict[str, Way], texts: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """In turns, in an order that changes from round to round."""
    for say in ways.values():
        await say("Good morning.")
    measured: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds):
        turned = names[number % len(names) :] + names[: number % len(names)]
        for name in turned:
            measured[name].append(1000 * await ways[name](texts[number % len(texts)]))
            await asyncio.sleep(PAUSE_S)
    return measured


async def main(address: str, rounds: int) -> None:
    texts = json.load(sys.stdin)
    service = GaplessTTSService(address=address, settings=GaplessTTSService.Settings(seed=SEED))
    ears, started = Ears(), asyncio.Event()
    params = PipelineParams(audio_out_sample_rate=RATE)
    worker = PipelineWorker(Pipeline([service, ears]), params=params, cancel_on_idle_timeout=False, enable_rtvi=False)

    @worker.event_handler("on_pipeline_started")
    async def on_started(_worker: Any, _frame: Any) -> None:
        started.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await started.wait()
    async with Client(address) as client, TTS(address=address, seed=SEED) as tts:
        ways = {"client": over_client(client), "pipecat": over_pipecat(worker, ears), "livekit": over_livekit(tts)}
        print(json.dumps(await measure(ways, texts, rounds)))
    await worker.queue_frame(EndFrame())
    await running


if __name__ == "__main__":
    logger.remove()
    logging.disable(logging.CRITICAL)
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
