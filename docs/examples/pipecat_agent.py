"""A speaking agent for pipecat that needs no cloud: the user and the language model are scripted, the sound goes into a
file as fast as a listener would hear it. One turn is interrupted.

    python pipecat_agent.py --address 127.0.0.1:50051 --out pipecat.wav
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
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
from scripted_conversation import (
    SAMPLE_RATE,
    SCRIPT,
    TURN_S,
    Line,
    Loudspeaker,
    Said,
    arguments,
    reach,
    tell,
    tokens_of,
)

from gapless.doors.pipecat import GaplessTTSService


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
        async for token in tokens_of(next(self._answers)):
            await self.push_frame(LLMTextFrame(token))
        await self.push_frame(LLMFullResponseEndFrame())


class LoudspeakerOutput(BaseOutputTransport):
    """In the place of a transport."""

    def __init__(self) -> None:
        super().__init__(TransportParams(audio_out_enabled=True, audio_out_10ms_chunks=2))
        self.loudspeaker = Loudspeaker()
        self.quiet = asyncio.Event()

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self.loudspeaker.stop()

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        if isinstance(frame, BotStoppedSpeakingFrame):
            self.quiet.set()
        await super().push_frame(frame, direction)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await self.loudspeaker.write(frame.audio)
        return True


async def converse(tts: GaplessTTSService, script: Sequence[Line] = SCRIPT) -> tuple[list[Said], Loudspeaker]:
    """All turns, one after the other."""
    context, output = LLMContext(), LoudspeakerOutput()
    loudspeaker = output.loudspeaker
    nobody_listens = LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies())
    pair = LLMContextAggregatorPair(context, user_params=nobody_listens)
    processors = [pair.user(), ScriptedModel(script), tts, output, pair.assistant()]
    worker = PipelineWorker(
        Pipeline(processors),
        params=PipelineParams(audio_out_sample_rate=SAMPLE_RATE, enable_metrics=True),
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
            loudspeaker.listen()
            output.quiet.clear()
            began = time.monotonic()
            message = {"role": "user", "content": line.user}
            await worker.queue_frame(LLMMessagesAppendFrame([message], run_llm=True))
            await asyncio.wait_for(loudspeaker.sounding.wait(), TURN_S)
            first_sound_s = time.monotonic() - began
            if line.interrupted_after_s is not None:
                await asyncio.sleep(line.interrupted_after_s)
                await pair.user().broadcast_interruption()
            content = await asyncio.wait_for(remembered.get(), TURN_S)
            await asyncio.wait_for(output.quiet.wait(), TURN_S)
            await loudspeaker.drained()
            said.append(Said(line.answer, content, first_sound_s, loudspeaker.heard, loudspeaker.silent_s))
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
    return said, loudspeaker


def main() -> None:
    given = arguments(__doc__, out="pipecat.wav")
    logger.remove()
    asyncio.run(reach(given.address))
    tts = GaplessTTSService(address=given.address, settings=GaplessTTSService.Settings(voice=given.voice))
    said, loudspeaker = asyncio.run(converse(tts))
    loudspeaker.save(given.out)
    tell(said)


if __name__ == "__main__":
    main()
