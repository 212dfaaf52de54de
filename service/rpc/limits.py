"""What one caller may take of the server before anybody looks at what it says: calls and messages, also per second.

The numbers are flags of the service: fields of `ServiceConfig` in service/config.py. docs/limits.md lists all limits.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from gapless.doors.listening.rates import UNCOUNTED, Rates
from service.rpc.errors import TooManyCalls
from service.rpc.receive import Context

_KNOWN = 16_384  # connections, the last ones that called: who is forgotten waits like one that comes anew


def connection(context: Context) -> str:
    """What tells the connection of a call from others; "" where nothing does."""
    peer = context.peer()
    return "" if peer in UNCOUNTED else peer


class CallCount:
    """Calls under way, in all and of each connection. Used on one event loop."""

    def __init__(self, *, in_all: int, per_connection: int) -> None:
        self._in_all = in_all
        self._per_connection = per_connection
        self._calls: Counter[str] = Counter()

    @contextmanager
    def call(self, peer: str) -> Iterator[None]:
        """Around a call of the connection `peer`. Raises TooManyCalls."""
        if self._calls.total() >= self._in_all:
            raise TooManyCalls(f"{self._in_all} calls are under way, which is all that this server takes")
        if peer not in UNCOUNTED and self._calls[peer] >= self._per_connection:
            raise TooManyCalls(
                f"{self._per_connection} calls of this connection are under way, which is all that this server takes "
                "of one"
            )
        self._calls[peer] += 1
        try:
            yield
        finally:
            self._calls[peer] -= 1
            if not self._calls[peer]:
                del self._calls[peer]


class Arrivals:
    """How often a second a connection that never called before is served: each host has a rate of its own."""

    def __init__(self, *, per_s: float, burst: int, bursts: Rates) -> None:
        """`bursts`: how those of one host follow each other that came at once."""
        self._hosts = Rates(per_s=per_s, burst=burst)
        self._bursts = bursts
        self._known: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[str, asyncio.Event] = {}

    async def wait(self, peer: str) -> None:
        """All calls of a connection wait for its turn, and take one."""
        if peer in UNCOUNTED:
            return
        while peer not in self._known:
            if waiting := self._waiting.get(peer):
                await waiting.wait()
            else:
                await self._arrive(peer)
        self._known.move_to_end(peer)

    async def _arrive(self, peer: str) -> None:
        over = self._waiting[peer] = asyncio.Event()
        try:
            host = peer.rpartition(":")[0]
            await self._hosts.wait(host)
            await self._bursts.wait(host)
            self._known[peer] = None
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        finally:
            del self._waiting[peer]
            over.set()


@dataclass(frozen=True)
class CallLimits:
    """What every call is held to, whatever its method."""

    count: CallCount
    arrivals: Arrivals  # an attacker who has a connection for each call makes few on each of them
    bursts: Rates  # calls that come at once are begun one after the other, and others' between them
    calls: Rates  # an attacker whose calls are short has few under way, and many of them
    refusals: Rates  # wrong tokens that are answered
    mistakes: Rates  # requests that cannot be served: to begin and end an utterance takes the loop its time
    max_text_chars: int = 0  # of a message; a server without messages that hold text needs none

    @asynccontextmanager
    async def call(self, peer: str) -> AsyncIterator[None]:
        """Raises TooManyCalls. A refusal takes the event loop as long as the start of a call, so refusals are limited,
        too."""
        await self._begin(peer)
        with self.count.call(peer):
            await self.calls.wait(peer)
            yield

    @asynccontextmanager
    async def utterance(self, peer: str) -> AsyncIterator[None]:
        """As `call`. While failed calls still have to wait, no call begins that may fail as well: a client that gives
        up and calls again is no faster than one that waits for the answer."""
        await self.mistakes.settle(peer)
        async with self.call(peer):
            yield

    @asynccontextmanager
    async def probe(self, peer: str) -> AsyncIterator[None]:
        """Whoever asks for the server's health hears of it, however many calls are under way."""
        await self._begin(peer)
        yield

    async def _begin(self, peer: str) -> None:
        await self.arrivals.wait(peer)
        await self.bursts.wait(peer)
