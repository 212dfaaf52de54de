"""The end of a server's life, seen from its calls: new ones are refused, running ones are let end, up to a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.rpc.errors import DrainExpired, Draining


class Drain:
    """`begun` is set when the server is to stop. Made inside a running event loop."""

    def __init__(self, timeout_s: float) -> None:
        self.begun = asyncio.Event()
        self._timeout_s = timeout_s
        self._deadlines: set[asyncio.Timeout] = set()  # one for each running call, without effect until a drain
        self._all_ended = asyncio.Event()

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Around a call that a drain waits for. Raises Draining, or DrainExpired when it was not let end."""
        if self.begun.is_set():
            raise Draining
        try:
            async with asyncio.timeout(None) as deadline:
                self._deadlines.add(deadline)
                self._all_ended.clear()
                try:
                    yield
                finally:
                    self._deadlines.remove(deadline)
                    if not self._deadlines:
                        self._all_ended.set()
        except TimeoutError:
            if not deadline.expired():
                raise
            raise DrainExpired(self._timeout_s) from None

    async def run(self) -> None:
        """Returns when the running calls have ended, in time or aborted."""
        self.begun.set()
        end = asyncio.get_running_loop().time() + self._timeout_s
        for deadline in self._deadlines:
            deadline.reschedule(end)
        if self._deadlines:
            await self._all_ended.wait()
