"""The engine server's side of gapless.engine.v1: an engine of this process, for gateways elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

import grpc

from engine.clock import now_ns
from engine.errors import EngineClosed, GaplessError
from engine.messages import Event, Failed, Finished, NewVoice, Playback, Usage, Utterance
from gapless.engine.v1 import engine_pb2 as pb
from gapless.engine.v1 import engine_pb2_grpc
from service.engines import wire
from service.engines.in_process import InProcess

HEARTBEAT_S = 0.1
_LEAVE_S = 2.0  # that a gateway gets to end a call
_VOICES_EACH = 10  # heartbeats: voices seldom change by another way than this server

Context = grpc.aio.ServicerContext[Any, Any]
_Queue = asyncio.Queue[Event | Usage]
T = TypeVar("T")

_log = logging.getLogger(__name__)


class EngineServicer(engine_pb2_grpc.EngineServiceServicer):
    """Made inside a running event loop."""

    def __init__(self, engine: InProcess, version: str) -> None:
        self._engine = engine
        self._version = version
        self._instance = uuid.uuid4().hex
        self._running: dict[str, _Queue] = {}
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._draining = False
        self._digest = _digest(engine)
        self._looking = asyncio.create_task(self._look_at_voices(), name="look-at-voices")

    # ---------------------------------------------------------------------------------------------------- utterances

    async def Speak(self, _: Any, context: Context) -> None:  # noqa: N802
        first = await context.read()
        if not isinstance(first, pb.SpeakRequest):
            return  # the gateway has left, or died: there is nobody to answer to
        if not first.HasField("submit"):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "submit comes first")
        utterance, events = wire.read(first.submit, Utterance), _Queue()
        try:
            if self._draining:
                raise EngineClosed("the engine is draining")
            accepted = await self._engine.submit(utterance, events.put_nowait)
        except GaplessError as error:
            await context.write(pb.SpeakResponse(failed=wire.write_error(error)))
            await _until_gone(_read_on(context))
            return
        try:
            async with self._listening(utterance.id, context, events) as listening:
                await context.write(pb.SpeakResponse(accepted=wire.write(accepted, pb.Accepted)))
                await _tell(context, events)
                await _until_gone(listening)
        finally:
            self._engine.drop(utterance.id)

    @contextlib.asynccontextmanager
    async def _listening(
        self, utterance_id: str, context: Context, events: _Queue
    ) -> AsyncIterator[asyncio.Task[None]]:
        self._running[utterance_id] = events
        self._all_ended.clear()
        listening = asyncio.create_task(self._listen(utterance_id, context, events))
        try:
            yield listening
        finally:
            listening.cancel()
            del self._running[utterance_id]
            if not self._running:
                self._all_ended.set()

    async def _listen(self, utterance_id: str, context: Context, events: _Queue) -> None:
        while isinstance(request := await context.read(), pb.SpeakRequest):
            match request.WhichOneof("event"):
                case "text":
                    self._engine.push_text(utterance_id, request.text)
                case "flush":
                    self._engine.flush(utterance_id, request.flush)
                case "end_of_input":
                    self._engine.end_input(utterance_id)
                case "release":
                    self._engine.release(utterance_id, request.release)
                case "playback":
                    self._engine.playback(utterance_id, wire.read(request.playback, Playback))
                case "cancel":
                    if (usage := await self._engine.cancel(utterance_id)) is not None:
                        events.put_nowait(usage)

    async def drain(self, timeout_s: float) -> None:
        """Takes no new utterances. What still runs after `timeout_s` is left to other engines."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._all_ended.wait()
        for events in self._running.values():
            events.put_nowait(Failed(error=EngineClosed("the engine is drained")))

    # --------------------------------------------------------------------------------------------------------- state

    async def Watch(self, request: pb.WatchRequest, context: Context) -> None:  # noqa: N802
        beats = 0
        while True:
            if beats % _VOICES_EACH == 0 and self._looking.done():  # beside the heartbeat: a disk may be slow
                self._looking = asyncio.create_task(self._look_at_voices(), name="look-at-voices")
            stats = wire.write(self._engine.stats(), pb.EngineStats)
            beat = pb.WatchResponse(stats=stats, voices_digest=self._digest, draining=self._draining)
            await context.write(beat)
            beats += 1
            await asyncio.sleep(HEARTBEAT_S)

    async def GetInfo(self, request: pb.GetInfoRequest, context: Context) -> pb.GetInfoResponse:  # noqa: N802
        info = wire.write(self._engine.info(), pb.EngineInfo)
        return pb.GetInfoResponse(version=self._version, info=info, instance=self._instance)

    async def ProbeClock(self, request: pb.ProbeClockRequest, context: Context) -> pb.ProbeClockResponse:  # noqa: N802
        return pb.ProbeClockResponse(now_ns=now_ns())

    # -------------------------------------------------------------------------------------------------------- voices

    async def ListVoices(self, request: pb.ListVoicesRequest, context: Context) -> pb.ListVoicesResponse:  # noqa: N802
        await self._look_at_voices()
        voices = await asyncio.to_thread(self._engine.voices)
        return pb.ListVoicesResponse(
            voices=[wire.write(voice, pb.VoiceInfo) for voice in voices], voices_digest=self._digest
        )

    async def CreateVoice(self, request: pb.CreateVoiceRequest, context: Context) -> pb.CreateVoiceResponse:  # noqa: N802
        made, error = await self._changed(self._engine.create_voice(wire.read(request, NewVoice)))
        if made is None:
            return pb.CreateVoiceResponse(error=error)
        return pb.CreateVoiceResponse(voice=wire.write(made.voice, pb.VoiceInfo), warnings=made.warnings)

    async def DeleteVoice(self, request: pb.DeleteVoiceRequest, context: Context) -> pb.DeleteVoiceResponse:  # noqa: N802
        _, error = await self._changed(self._engine.delete_voice(request.name))
        return pb.DeleteVoiceResponse(error=error)

    async def GetVoice(self, request: pb.GetVoiceRequest, context: Context) -> pb.GetVoiceResponse:  # noqa: N802
        file, error = await self._changed(self._engine.voice_file(request.name))
        return pb.GetVoiceResponse(file=file or b"", error=error)

    async def PutVoice(self, request: pb.PutVoiceRequest, context: Context) -> pb.PutVoiceResponse:  # noqa: N802
        _, error = await self._changed(self._engine.add_voice_file(request.name, request.file))
        return pb.PutVoiceResponse(error=error)

    async def _changed(self, work: Awaitable[T]) -> tuple[T | None, pb.ToldError | None]:
        """What became of the work, or its error."""
        try:
            return await work, None
        except GaplessError as error:
            return None, wire.write_error(error)
        finally:
            await self._look_at_voices()

    async def _look_at_voices(self) -> None:
        self._digest = await asyncio.to_thread(_digest, self._engine)


async def _until_gone(reading: Awaitable[None]) -> None:
    """A gateway ends the call when it has read the last event: a write of its own that met the end of the call would
    take the place of what it has not read yet."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LEAVE_S):
            await reading


async def _read_on(context: Context) -> None:
    while isinstance(await context.read(), pb.SpeakRequest):
        pass


async def _tell(context: Context, events: _Queue) -> None:
    """Returns after the last event."""
    while True:
        event = await events.get()
        if isinstance(event, Usage):
            response = pb.SpeakResponse(cancelled=wire.write(event, pb.Usage))
        else:
            response = wire.write_event(event)
        response.sent_ns = now_ns()
        await context.write(response)
        if isinstance(event, Usage | Finished | Failed):
            return


def _digest(engine: InProcess) -> str:
    known = sorted((voice.name, voice.built_in, voice.bytes_stored) for voice in engine.voices())
    return hashlib.blake2b(repr(known).encode(), digest_size=8).hexdigest()
