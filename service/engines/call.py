"""One utterance on one engine server: a stream in both directions, a task for each.

What goes to the engine waits in order; releases and playback reports are merged meanwhile, so that what waits is
bounded by the text and the flushes of an utterance.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc

from engine.clock import now_ns
from engine.errors import GaplessError, UtteranceFailed
from engine.messages import Accepted, Event, Failed, Finished, Playback, Usage, Utterance
from gapless.engine.v1 import engine_pb2 as pb
from service.engines import wire
from service.engines.errors import Lost
from service.engines.timings import Way

_log = logging.getLogger(__name__)

Hear = Callable[["Call", Event, Way], None]
Lose = Callable[["Call", str, int], None]  # why, and since when nothing came


class Call:
    """`hear` gets every event but `Accepted`; `lose` is called once, if an accepted call ends without its last event.
    An error on this side ends the call as well: nobody waits for a call that neither reads nor writes."""

    def __init__(self, stream: Any, utterance: Utterance, clock_offset_ns: int, hear: Hear, lose: Lose) -> None:
        self._call = stream
        self._clock_offset_ns = clock_offset_ns
        self._hear, self._lose = hear, lose
        loop = asyncio.get_running_loop()
        self._accepted: asyncio.Future[Accepted] = loop.create_future()
        self._cancelled: asyncio.Future[Usage | None] = loop.create_future()
        self._waiting = deque([pb.SpeakRequest(submit=wire.write(utterance, pb.Utterance))])
        self._released = 0
        self._playback: Playback | None = None
        self._something = asyncio.Event()
        self._something.set()
        self._ended = False
        self.ended = asyncio.Event()
        self._tasks = [asyncio.create_task(self._read(), name="engine-read")]
        self._tasks.append(asyncio.create_task(self._write(), name="engine-write"))
        for task in self._tasks:
            task.add_done_callback(self._fail_with)

    async def accepted(self) -> Accepted:
        """Raises what the engine refuses it with, or Lost. Cancelled, it ends the call."""
        try:
            return await self._accepted
        except asyncio.CancelledError:
            self.drop()
            raise

    def send(self, request: pb.SpeakRequest) -> None:
        self._waiting.append(request)
        self._something.set()

    def release(self, num_samples: int) -> None:
        self._released += num_samples
        self._something.set()

    def playback(self, playback: Playback) -> None:
        self._playback = playback
        self._something.set()

    async def cancel(self) -> Usage | None:
        """What was done for it; None where it had ended, or the engine is lost."""
        if self._ended:
            return None
        self.send(pb.SpeakRequest(cancel=True))
        return await self._cancelled

    def drop(self) -> None:
        """Ends it, and tells nobody. Idempotent."""
        self._end()

    def lost(self, why: str, since_ns: int = 0) -> None:
        """Its engine does not answer any more; `since_ns` 0: until now it did."""
        if not self._ended:
            was_accepted = self._accepted.done()
            self.drop()
            if was_accepted:
                self._lose(self, why, since_ns or now_ns())

    def _fail_with(self, task: asyncio.Task[None]) -> None:
        """A task of this call is over: had it an error, that was none of the engine's."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        _log.error("a call of an engine failed in this process", exc_info=error)
        if not self._ended:
            self._fail(UtteranceFailed("its call of an engine failed"), Way(now_ns(), now_ns()))

    def _fail(self, error: GaplessError, way: Way) -> None:
        """What was not accepted yet is refused."""
        was_accepted = self._accepted.done()
        if not was_accepted:
            self._accepted.set_exception(error)
        self._end()
        if was_accepted:
            self._hear(self, Failed(error=error), way)

    def _end(self) -> None:
        self._ended = True
        self._call.cancel()
        if not self._accepted.done():
            self._accepted.set_exception(Lost("the call has ended"))
            self._accepted.exception()  # told to whoever waits, if anybody does
        if not self._cancelled.done():
            self._cancelled.set_result(None)
        tasks, self._tasks = self._tasks, []  # one that was cancelled holds its frame, and that this call
        for task in tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self.ended.set()

    async def _read(self) -> None:
        try:
            while not self._ended and isinstance(response := await self._call.read(), pb.SpeakResponse):
                self._take(response)
            why = "the stream ended"
        except grpc.aio.AioRpcError as error:
            why = f"{error.code().name}: {error.details()}"
        except asyncio.CancelledError:
            why = "the connection was closed"
        self.lost(why)

    def _take(self, response: pb.SpeakResponse) -> None:
        received_ns = now_ns()
        event = wire.read_event(response, self._clock_offset_ns)
        way = Way(min(response.sent_ns + self._clock_offset_ns, received_ns), received_ns)
        match event:
            case Accepted():
                self._accepted.set_result(event)
            case Usage():
                self._cancelled.set_result(event)
                self._end()
            case Failed(error=error):
                self._fail(error, way)
            case Finished():
                self._end()
                self._hear(self, event, way)
            case _:
                self._hear(self, event, way)

    async def _write(self) -> None:
        try:
            await self._call.wait_for_connection()
            while not self._ended:
                await self._something.wait()
                self._something.clear()
                while not self._ended and (request := self._next()) is not None:
                    await _hand_to_grpc(self._call, request)
        except (grpc.aio.BaseError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the reader knows why

    def _next(self) -> pb.SpeakRequest | None:
        if self._waiting:
            return self._waiting.popleft()
        if self._playback is not None:
            playback, self._playback = self._playback, None
            return pb.SpeakRequest(playback=wire.write(playback, pb.Playback))
        if self._released:
            released, self._released = self._released, 0
            return pb.SpeakRequest(release=released)
        return None


async def _hand_to_grpc(call: Any, request: pb.SpeakRequest) -> None:
    """When the stream ends during `call.write`, that replaces the server's status by its own: messages that have come
    are not read any more, a cancel does nothing, and a task of gRPC waits for ever. The method beneath it does not.
    """
    inner = getattr(call, "_cython_call", None)
    if inner is None:  # somebody intercepts calls
        await call.write(request)
    else:
        await inner.send_serialized_message(request.SerializeToString())
