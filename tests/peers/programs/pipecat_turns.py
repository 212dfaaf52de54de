"""An agent's turns through pipecat's NvidiaTTSService: `pipecat_turns.py ADDRESS FOLDER MODE` with turns on stdin.

Turns come as JSON, a list of [text, after how many seconds of waiting somebody interrupts, or null]. What is heard of
turn N is written to FOLDER/N.pcm."""

import asyncio
import json
import sys
import time

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.nvidia.tts import NvidiaTTSService
from pipecat.workers.runner import WorkerRunner

ADDRESS, FOLDER, MODE = sys.argv[1:4]
TURN_S = 60.0


class Ears(FrameProcessor):
    """Keeps what is heard, and tells when a turn is over."""

    def __init__(self):
        super().__init__()
        self.audio = bytearray()
        self.rates = set()
        self.first = asyncio.Event()
        self.stopped = asyncio.Event()

    def listen(self):
        self.audio.clear()
        self.first.clear()
        self.stopped.clear()

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            assert frame.audio
            assert len(frame.audio) % 2 == 0
            self.audio += frame.audio
            self.rates.add(frame.sample_rate)
            self.first.set()
        elif isinstance(frame, TTSStoppedFrame):
            self.stopped.set()
        await self.push_frame(frame, direction)


class Errors(FrameProcessor):
    def __init__(self):
        super().__init__()
        self.said = []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, ErrorFrame) and direction == FrameDirection.UPSTREAM:
            self.said.append(frame.error)
        await self.push_frame(frame, direction)


async def main():
    logger.remove()
    turns = json.load(sys.stdin)
    settings = NvidiaTTSService.Settings(voice="Gapless.karl", synthesis_mode=MODE)
    tts = NvidiaTTSService(server=ADDRESS, use_ssl=False, sample_rate=24000, settings=settings)
    ears, errors = Ears(), Errors()
    worker = PipelineWorker(Pipeline([errors, tts, ears]), cancel_on_idle_timeout=False, enable_rtvi=False)
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_started(_worker, _frame):
        started.set()

    told = []

    async def talk():
        await asyncio.wait_for(started.wait(), 20)
        for number, (text, interrupted_after_s) in enumerate(turns):
            ears.listen()
            begun = time.time()
            await worker.queue_frame(LLMFullResponseStartFrame())
            for word in text.split(" "):
                await worker.queue_frame(LLMTextFrame(word + " "))
            await worker.queue_frame(LLMFullResponseEndFrame())
            interrupted = None
            await asyncio.wait_for(ears.first.wait(), TURN_S)
            if interrupted_after_s is None:
                await asyncio.wait_for(ears.stopped.wait(), TURN_S)
            else:
                await asyncio.sleep(interrupted_after_s)
                interrupted = time.time()
                await worker.queue_frame(InterruptionFrame())
                await asyncio.sleep(0.5)
            with open(f"{FOLDER}/{number}.pcm", "wb") as file:
                file.write(ears.audio)
            told.append({"begun": begun, "interrupted": interrupted})
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        await talk()
    except BaseException:
        await worker.cancel()
        raise
    await running
    print(json.dumps({"turns": told, "errors": errors.said, "rates": sorted(ears.rates)}))


asyncio.run(main())
