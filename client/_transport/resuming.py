"""An utterance that outlives its call: where the connection is lost, another call goes on, at the same server or at
another one, and the program hears nothing of it but a `Resumed` among the events.

Everything that the client sends is kept (`progress`) until the end. While there is no call, text is still accepted and
goes to the next call, with everything before it. On the reader's loop, except `incoming`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from .._clock import now_ns
from .._wire import Request, Response
from ..errors import ClientError, ServerBusy, ServerFailed
from ..types import Resumed
from .channels import Target
from .handover import Handover
from .progress import Received, Sent
from .reader import Call, Metadata, closed_meanwhile
from .routes import Routes

ATTEMPT_S = 3.0  # for one server to accept the utterance
FIRST_PAUSE_S = 0.05  # between rounds over all servers; it doubles, up to
LONGEST_PAUSE_S = 1.0

_ON_THE_WAY = (grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, None)


@dataclass(frozen=True)
class Arrival:
    """A message, and when the reader began to wait for it and had it."""

    awaited_ns: int
    received_ns: int
    response: Response
    resumed: Resumed | None = None  # the message is the `started` of another call


class ResumingCall:
    def __init__(self, routes: Routes, targets: Sequence[Target], capacity: int, resume_s: float) -> None:
        """`resume_s`: how long others are tried after a loss; 0: not at all."""
        self.incoming: Handover[Arrival] = Handover(capacity)
        self._routes = routes
        self._targets = targets
        self._resume_s = resume_s
        self._sent = Sent()
        self._received = Received(self._sent)
        self._index = routes.current  # of the server
        self._ending = False  # by the program
        self._over = False
        self._call: Call | None = None  # None: not opened
        self._receiving: asyncio.Task[None] | None = None

    @property
    def target(self) -> Target:
        """The server that speaks."""
        return self._targets[self._index]

    async def open(self, first: Request, metadata: Metadata) -> int:
        """Opens the stream and sends its first message. Returns when that was handed to gRPC."""
        self._opening, self._metadata, self._began_at = first, metadata, self.target.address
        self._index = self._routes.current
        self._call = self._new_call(self._index)
        self._responses = self._call.responses()
        self._receiving = asyncio.create_task(self._receive(), name="gapless-receive")
        try:
            return await self.write(first)
        except BaseException:
            await self.cancel()
            raise

    async def write(self, request: Request) -> int:
        """Returns the instant immediately before `request` was handed to gRPC, or was kept for the next call. Waits
        while the transport is full."""
        assert self._call
        self._sent.note(request)
        self._ending |= request.playback.stopped
        try:
            return await self._call.write(request)
        except asyncio.CancelledError:
            self._sent.take_back(request)
            raise
        except ClientError as error:
            if self._over or not self._goes_on_after(error):
                raise
            return now_ns()

    async def cancel(self) -> None:
        """Stops the utterance at once (barge-in). Idempotent; harmless after the end."""
        self._ending = True
        self.incoming.close(drop=True)
        if self._call and self._receiving:
            self._call.cancel()
            self._receiving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._receiving

    async def _receive(self) -> None:
        error: Exception | None = None
        try:
            await self._receive_from_all()
        except asyncio.CancelledError:
            self.incoming.close(None if self._ending else closed_meanwhile())
            raise
        except Exception as broken:  # the border of this thread: whatever broke reaches the one who waits
            error = closed_meanwhile() if self._routes.closed else broken  # a closed channel cancels its calls
        self._over = True
        self.incoming.close(error)

    async def _receive_from_all(self) -> None:
        """Returns when one call ended well. Raises ClientError."""
        while True:
            try:
                await self._receive_from_one()
            except ClientError as lost:
                if not self._goes_on_after(lost):
                    raise
                await self.incoming.put(await self._go_on(lost))
            else:
                return

    async def _receive_from_one(self) -> None:
        awaited_ns = now_ns()
        async for response in self._responses:
            received_ns = now_ns()
            if self._received.is_new(response):
                await self.incoming.put(Arrival(awaited_ns, received_ns, response))
            awaited_ns = now_ns()

    # ------------------------------------------------------------------------------------------ after a loss

    def _goes_on_after(self, error: ClientError) -> bool:
        if self._ending or self._routes.closed:
            return False
        if self._received.began:
            return bool(self._resume_s) and _is_lost(error) and self._received.can_go_on
        return len(self._routes) > 1 and _may_pass(error)

    async def _go_on(self, lost: ClientError) -> Arrival:
        """Tries one server after the other. Before an utterance began each other one is tried once. Raises `lost` with
        what became of the attempts."""
        loop, lost_ns, pause_s = asyncio.get_running_loop(), now_ns(), FIRST_PAUSE_S
        began, left = self._received.began, self._others()
        if began:
            left.append(self._index)
        until = loop.time() + (self._resume_s or ATTEMPT_S)
        refused: ClientError | None = None
        tries, last = 0, lost
        while left:
            for index in list(left):
                tries += 1
                try:
                    async with asyncio.timeout_at(min(until, loop.time() + ATTEMPT_S)):
                        return await self._begin_again(index, lost_ns, tries)
                except TimeoutError:
                    last = ServerFailed(f"{self._targets[index].address} did not answer")
                except ClientError as error:
                    if not _may_pass(error) and not self._received.forget_token():
                        left.remove(index)
                        refused = error
                    last = refused or error
            wait_s = random.uniform(pause_s / 2, 1.5 * pause_s)
            if not began or self._routes.closed or loop.time() + wait_s > until:
                break
            await asyncio.sleep(wait_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        if not began:
            raise last
        raise _given_up(lost, last, tries, (now_ns() - lost_ns) / 1e9)

    def _others(self) -> list[int]:
        """All servers but the present one: first the one that answered somebody last, then those that follow."""
        count, last = len(self._routes), self._routes.current
        others = [(self._index + step) % count for step in range(1, count)]
        return sorted(others, key=lambda index: index != last)

    async def _begin_again(self, index: int, lost_ns: int, tries: int) -> Arrival:
        """Opens the utterance at a server and tells it all that was said. Gives its answer. Raises ClientError."""
        began = self._received.began
        call = self._new_call(index)
        try:
            await call.write(self._received.goes_on(self._opening) if began else self._opening)
            responses, awaited_ns = call.responses(), now_ns()
            started = await anext(responses, None)
            if started is None:
                raise ServerFailed(f"{call.target.address} ended the call without a word")
            received_ns, told = now_ns(), 0
            while told < len(self._sent):
                again, told = self._sent.again(told), len(self._sent)
                for request in again:
                    await call.write(request)
        except BaseException:
            call.cancel()
            raise
        self._received.elsewhere = began and call.target.address != self._began_at
        self._call, self._responses, self._index, self._routes.current = call, responses, index, index
        resumed = Resumed(
            address=call.target.address,
            lost_ns=lost_ns,
            received_ns=received_ns,
            tries=tries,
            first_sample=self._received.samples,
        )
        self._received.is_new(started)
        if not began:
            self._began_at = call.target.address
        return Arrival(awaited_ns, received_ns, started, resumed if began else None)

    def _new_call(self, index: int) -> Call:
        return Call(self._routes.rpcs(index).Synthesize, self._targets[index], self._metadata)


def _is_lost(error: ClientError) -> bool:
    """Whether the connection or the server is gone, rather than the request wrong: UNAVAILABLE, or a status without a
    reason of the server's, which something on the way gave."""
    return error.code is grpc.StatusCode.UNAVAILABLE or (error.code in _ON_THE_WAY and _says_nothing(error))


def _may_pass(error: ClientError) -> bool:
    """Whether the same may be asked again, or elsewhere."""
    return _is_lost(error) or isinstance(error, ServerBusy)


def _says_nothing(error: ClientError) -> bool:
    return isinstance(error, ServerFailed) and not error.reason


def _given_up(lost: ClientError, last: ClientError, tries: int, after_s: float) -> ClientError:
    said = f"; could not go on in {after_s:.1f} s, tried {tries} times: {last}" if last is not lost else ""
    given_up = type(lost)(f"{lost}{said}", code=lost.code, violations=lost.violations, reason=lost.reason)
    given_up.__cause__ = last
    return given_up
