"""One utterance of a gateway: spoken by one engine at a time, and by another one when that is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from opentelemetry.trace import Span

from engine.clock import now_ns
from engine.errors import EngineClosed, GaplessError
from engine.messages import Accepted, AudioChunk, Event, Failed, Finished, Playback, Sink, Usage, Utterance
from gapless.engine.v1 import engine_pb2 as pb
from service.engines.call import Call
from service.engines.record import Record
from service.engines.remote import Remote
from service.engines.timings import GatewayTimings, Way


class Placed:
    """`lost` is called when its engine is gone, with the reason, since when, and whether that was planned; `ended` when
    nothing more will be heard of it; `way` with each chunk."""

    def __init__(
        self,
        utterance: Utterance,
        sink: Sink,
        lost: Callable[[Placed, str, int, bool], None],
        ended: Callable[[Placed], None],
        way: Callable[[Placed, AudioChunk, Way], None],
    ) -> None:
        self.record = Record(utterance)
        self.engine: Remote | None = None
        self.faults = 0  # that it was moved because of
        self.moving: asyncio.Task[None] | None = None
        self.move_span: Span | None = None
        self._sink, self._lost, self._ended, self._way = sink, lost, ended, way
        self._call: Call | None = None
        self._heard_ns = 0  # the last event

    async def begin(self, engine: Remote) -> Accepted:
        """Has this engine speak it, from where the last one was. Raises what the engine refuses it with, or Lost."""
        call = engine.call(self.record.order(), self._hear, self._lose)
        self._call, self.engine = call, engine
        for request in self.record.inputs:
            call.send(request)
        if self.record.playback is not None:
            call.playback(self.record.playback)
        try:
            return await call.accepted()
        except BaseException:
            self.leave()
            raise

    # ---------------------------------------------------------------------------------------------------- to the engine

    def send(self, request: pb.SpeakRequest) -> None:
        if self._call is not None:
            self._call.send(request)

    def release(self, num_samples: int) -> None:
        if (concerns := self.record.release(num_samples)) and self._call is not None:
            self._call.release(concerns)

    def playback(self, playback: Playback) -> None:
        self.record.playback = playback
        if self._call is not None:
            self._call.playback(playback)

    async def cancel(self) -> Usage:
        """What was done for it: as far as is known, where the engine is gone."""
        done = Usage(samples=self.record.handed)
        if self._call is not None:
            done = await self._call.cancel() or done
        return done

    def leave(self) -> None:
        """Its engine has nothing more to do with it."""
        if self._call is not None and self.engine is not None:
            self._call.drop()
            self.engine.left(self._call)
        self._call = self.engine = None

    def drop(self) -> None:
        self.leave()
        if self.moving is not None:
            self.moving.cancel()
        self.end_move(now_ns())

    def end_move(self, at_ns: int) -> None:
        if self.move_span is not None:
            self.move_span.end(at_ns)
            self.move_span = None

    # -------------------------------------------------------------------------------------------------- from the engine

    def fail(self, error: GaplessError) -> None:
        self.drop()
        self._sink(Failed(error=error))
        self._ended(self)

    def _hear(self, call: Call, event: Event, way: Way) -> None:
        if call is not self._call:
            return
        self._heard_ns = way.received_ns
        if isinstance(event, AudioChunk):
            self._way(self, event, way)
        if isinstance(event, Failed) and isinstance(event.error, EngineClosed):
            self._lose(call, str(event.error), way.received_ns, is_planned=type(event.error) is EngineClosed)
            return
        try:
            for new in self.record.new(event, way):
                if isinstance(new, AudioChunk) and isinstance(new.timings, GatewayTimings):
                    self.end_move(new.timings.move_end_ns)
                self._sink(new)
        except GaplessError as error:
            self.fail(error)
            return
        if isinstance(event, Finished | Failed):
            self.leave()
            self.end_move(way.received_ns)
            self._ended(self)

    def _lose(self, call: Call, why: str, since_ns: int, is_planned: bool = False) -> None:
        if call is self._call:
            self._lost(self, why, max(since_ns, self._heard_ns), is_planned)
