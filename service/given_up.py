"""Calls that are given up at once: each has the servers rest before they ask gRPC for the next one.

A call that is cancelled as soon as it is opened takes the event loop a millisecond, four fifths of it in grpc.aio,
before any code of ours knows whose it is; and a connection opens more than two thousand of them a second. But a call
that is cancelled while gRPC's core still holds it is dropped there, and Python never hears of it. So once such a call
was begun, the next one is taken from the core a little later, and by then most of a flood is gone.

gRPC has no option for that. Its server asks the core for each call in a task of its own, though, and an event loop lets
whoever runs it say how tasks are made (`set_task_factory`): that one waits until the rest is over. Where a version of
gRPC names it otherwise, nothing waits, and a test says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import grpc

AT_ONCE_S = 0.1  # whoever gives a call up later has been served something
REST_S = 0.004  # for each of them: what is left of all floods is as much as one connection may begin
LONGEST_REST_S = 0.1  # for many that came before the first was given up: a neighbour's call may wait behind it

_ASKS = frozenset({"AioServer._request_call", "AioServer._request_registered_call"})  # grpc.aio, for the next call
_rests: ContextVar[Rests] = ContextVar("rests")  # of the server whose task this is


class Rests(grpc.aio.ServerInterceptor):
    """Those of some servers together, `each_s` for each such call. Their first interceptor: it sees all calls begin."""

    def __init__(self, each_s: float = REST_S) -> None:
        self._each_s = each_s
        self._rests_until_s = 0.0

    async def start(self, server: grpc.aio.Server) -> None:
        """Starts the `server` that this is an interceptor of, on the running loop."""
        _make_tasks_wait(asyncio.get_running_loop())
        _rests.set(self)
        await server.start()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        begun_s, task = time.monotonic(), asyncio.current_task()

        def ended(task: asyncio.Task[Any]) -> None:
            if task.cancelling() and time.monotonic() - begun_s < AT_ONCE_S:
                self.given_up()

        if task is not None:
            task.add_done_callback(ended)
        return await continuation(handler_call_details)

    def given_up(self) -> None:
        """Another call was: one more rest."""
        now_s = time.monotonic()
        self._rests_until_s = min(max(now_s, self._rests_until_s) + self._each_s, now_s + LONGEST_REST_S)

    @property
    def rest_s(self) -> float:
        """Seconds that are left of it."""
        return max(0.0, self._rests_until_s - time.monotonic())

    async def rested(self, asks: Coroutine[Any, Any, Any]) -> Any:
        """What `asks` gRPC for a call, once the rest is over: this one, or in a flood of one method the others would
        never have their turn."""
        try:
            await asyncio.sleep(self.rest_s)
        except asyncio.CancelledError:
            asks.close()
            raise
        return await asks


def _make_tasks_wait(loop: asyncio.AbstractEventLoop) -> None:
    """Those of `loop` in which a server asks for a call while it is to rest. All others are made as before."""
    before: Any = loop.get_task_factory() or _task
    if not isinstance(before, _Tasks):
        loop.set_task_factory(_Tasks(before))


def _task(loop: asyncio.AbstractEventLoop, work: Any, **how: Any) -> asyncio.Future[Any]:
    return asyncio.Task(work, loop=loop, **how)


class _Tasks:
    def __init__(self, make: Callable[..., asyncio.Future[Any]]) -> None:
        self._make = make

    def __call__(self, loop: asyncio.AbstractEventLoop, work: Any, **how: Any) -> asyncio.Future[Any]:
        if getattr(work, "__qualname__", "") in _ASKS and (rests := _rests.get(None)) and rests.rest_s:
            work = rests.rested(work)
        return self._make(loop, work, **how)
