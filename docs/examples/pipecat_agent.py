"""A speaking agent for pipecat that needs no cloud: the user and the language model are scripted, the sound goes into a
file as fast as a listener would hear it. One turn is interrupted.

    python pipecat_agent.py --address 127.0.0.1:50051 --out pipecat.wav
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    EndFrame,
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMMessagesAppendFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    StartFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from gapless.doors.pipecat import GaplessTTSService

TOKEN_S = 1 / 30  # between tokens of the language model
TURN_S = 60.0


@dataclass(frozen=True)
class Line:
    """What the user says, what the model answers, and when the user interrupts: seconds after the first sound."""

    user: str
    answer: str
    interrupted_after_s: float | None = None


SCRIPT = (
    Line("Hello?", "Hello! I am the ship's computer. What can I do for you?"),
    Line("Tell me a story.", "Once upon a time, there was a kettle that could not stop. It boiled, and it sang.", 1.5),
    Line("Stop. What time is it?", "It is 3:45 p.m., and the tea is ready."),
)


class ScriptedModel(FrameProcessor):
    """In the place of a language model: answers each context with the next line of the script, token by token. An
    interruption cancels it, as it does every processor's work."""

    def __init__(self, script: Sequence[Line]) -> None:
        super().__init__()
        self._answers = iter([line.answer for line in script])

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        for word in next(self._answers).split(" "):
            await self.push_frame(LLMTextFrame(word + " "))
            await asyncio.sleep(TOKEN_S)
        await self.push_frame(LLMFullResponseEndFrame())


class FileOutput(BaseOutputTransport):
    """In the place of a loudspeaker: takes sound as fast as it would be heard, and keeps it."""

    def __init__(self) -> None:
        super().__init__(TransportParams(audio_out_enabled=True, audio_out_10ms_chunks=2))
        self.heard = bytearray()  # s16
        self.sounding, self.quiet = asyncio.Event(), asyncio.Event()
        self._heard_until = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        if isinstance(frame, BotStoppedSpeakingFrame):
            self.quiet.set()
        await super().push_frame(frame, direction)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        self.sounding.set()
        self._heard_until = max(self._heard_until, time.monotonic()) + frame.num_frames / frame.sample_rate
        await asyncio.sleep(self._heard_until - time.monotonic())
        self.heard += frame.audio
        return True

    def save(self, path: str) -> None:
        with wave.open(path, "wb") as file:
            file.setparams((1, 2, self.sample_rate, 0, "NONE", ""))
            file.writeframes(self.heard)


@dataclass(frozen=True)
class Said:
    """A turn, as the conversation remembers it."""

    answer: str
    remembered: str
    first_sound_s: float  # after the user's line
    heard: bytes


async def converse(tts: GaplessTTSService, script: Sequence[Line] = SCRIPT) -> tuple[list[Said], FileOutput]:
    """All turns, one after the other."""
    context, output = LLMContext(), FileOutput()
    nobody_listens = LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies())
    pair = LLMContextAggregatorPair(context, user_params=nobody_listens)
    processors = [pair.user(), ScriptedModel(script), tts, output, pair.assistant()]
    worker = PipelineWorker(
        Pipeline(processors),
        params=PipelineParams(audio_out_sample_rate=24_000, enable_metrics=True),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )
    started, remembered = asyncio.Event(), asyncio.Queue[Any]()

    @worker.event_handler("on_pipeline_started")
    async def on_started(_worker: Any, _frame: Any) -> None:
        started.set()

    @pair.assistant().event_handler("on_assistant_turn_stopped")
    async def on_turn(_aggregator: Any, message: Any) -> None:
        remembered.put_nowait(message.content)

    async def talk() -> list[Said]:
        await asyncio.wait_for(started.wait(), TURN_S)
        said = []
        for line in script:
            output.sounding.clear()
            output.quiet.clear()
            began, begin = time.monotonic(), len(output.heard)
            message = {"role": "user", "content": line.user}
            await worker.queue_frame(LLMMessagesAppendFrame([message], run_llm=True))
            await asyncio.wait_for(output.sounding.wait(), TURN_S)
            first_sound_s = time.monotonic() - began
            if line.interrupted_after_s is not None:
                await asyncio.sleep(line.interrupted_after_s)
                await pair.user().broadcast_interruption()
            content = await asyncio.wait_for(remembered.get(), TURN_S)
            await asyncio.wait_for(output.quiet.wait(), TURN_S)
            said.append(Said(line.answer, content, first_sound_s, bytes(output.heard[begin:])))
        await worker.queue_frame(EndFrame())
        return said

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        said = await talk()
    except BaseException:
        await worker.cancel()
        raise
    await running
    return said, output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1:50051")
    parser.add_argument("--voice")
    parser.add_argument("--out", default="pipecat.wav")
    arguments = parser.parse_args()
    logger.remove()
    tts = GaplessTTSService(address=arguments.address, settings=GaplessTTSService.Settings(voice=arguments.voice))
    said, output = asyncio.run(converse(tts))
    output.save(arguments.out)
    for turn in said:
        first_ms = round(1000 * turn.first_sound_s)
        print(json.dumps({"answer": turn.answer, "remembered": turn.remembered, "first_sound_ms": first_ms}))


if __name__ == "__main__":
    main()
