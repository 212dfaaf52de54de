"""What one caller may take of the server before anybody looks at what it says: calls and messages, also per second.

The numbers are flags of the service: fields of `ServiceConfig` in service/config.py. docs/limits.md lists all limits.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache

from service.rpc.errors import TooManyCalls
from service.rpc.receive import Context

_UNCOUNTED = ("unix:", "")  # peers that do not tell connections apart
_REMEMBERED = 1_024  # connections, the last ones that called, by their rates,
_KNOWN = 16_384  # and by their names alone: who is forgotten waits like one that comes anew


def connection(context: Context) -> str:
    """What tells the connection of a call from others; "" where nothing does."""
    peer = context.peer()
    return "" if peer in _UNCOUNTED else peer


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
        if peer not in _UNCOUNTED and self._calls[peer] >= self._per_connection:
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


class Rate:
    """A bucket of `burst` calls or messages that fills again at `per_s`. Whoever empties it waits, unrefused.

    Those who wait take theirs one after the other, each in a turn of the event loop of its own. If each had booked a
    time, all whose time came while the loop was late would go at once, and make it later still."""

    def __init__(self, *, per_s: float, burst: int, now_s: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = burst
        self._now_s = now_s
        self._left = float(burst)
        self._seen_s = now_s()
        self._next = asyncio.Lock()

    def take(self) -> float:
        """Takes one; gives the seconds to wait before it, or the next message, is looked at."""
        self._fill()
        self._left -= 1
        return max(0.0, -self._left / self._per_s)

    @property
    def debt_s(self) -> float:
        """Seconds until all that was taken is there."""
        self._fill()
        return max(0.0, -self._left / self._per_s)

    def _fill(self) -> None:
        now_s = self._now_s()
        self._left = min(self._burst, self._left + (now_s - self._seen_s) * self._per_s)
        self._seen_s = now_s

    async def wait(self) -> None:
        """Takes one, and waits as long as it must. Who waits no longer gives it back: nobody is to wait for him."""
        async with self._next:
            if (wait_s := self.take()) > 0:
                try:
                    await asyncio.sleep(wait_s)
                except asyncio.CancelledError:
                    self._left += 1
                    raise


class ConnectionRate:
    """How often a second something of one connection goes through at once; what comes sooner waits for its turn.

    HTTP/2 lets a connection have so many calls open and no more, so that calls that wait hold the next ones back."""

    def __init__(self, *, per_s: float, burst: int, now_s: Callable[[], float] = time.monotonic) -> None:
        def rate(peer: str) -> Rate:
            return Rate(per_s=per_s, burst=burst, now_s=now_s)

        self._of = lru_cache(_REMEMBERED)(rate)

    async def wait(self, peer: str) -> None:
        if peer not in _UNCOUNTED:
            await self._of(peer).wait()

    def take(self, peer: str) -> float:
        """Takes one that is never given back; the seconds until it is paid."""
        return 0.0 if peer in _UNCOUNTED else self._of(peer).take()

    async def settle(self, peer: str) -> None:
        """Takes nothing, and waits until all that was taken is paid."""
        if peer not in _UNCOUNTED:
            rate = self._of(peer)
            while (debt_s := rate.debt_s) > 0:
                await asyncio.sleep(debt_s)


class Arrivals:
    """How often a second a connection that never called before is served: each host has a rate of its own."""

    def __init__(self, *, per_s: float, burst: int, bursts: ConnectionRate) -> None:
        """`bursts`: how those of one host follow each other that came at once."""
        self._hosts = ConnectionRate(per_s=per_s, burst=burst)
        self._bursts = bursts
        self._known: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[str, asyncio.Event] = {}

    async def wait(self, peer: str) -> None:
        """All calls of a connection wait for its turn, and take one."""
        if peer in _UNCOUNTED:
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
    bursts: ConnectionRate  # calls that come at once are begun one after the other, and others' between them
    calls: ConnectionRate  # an attacker whose calls are short has few under way, and many of them
    refusals: ConnectionRate  # wrong tokens that are answered
    mistakes: ConnectionRate  # requests that cannot be served: to begin and end an utterance takes the loop its time
    max_text_chars: int = 0  # of a message; a server without messages that hold text needs none

    @asynccontextmanager
    async def call(self, peer: str) -> AsyncIterator[None]:
        """Raises TooManyCalls. To refuse takes the loop as long as to begin, so that refusals do not come at once
        either."""
        await self._begin(peer)
        with self.count.call(peer):
            await self.calls.wait(peer)
            yield

    @asynccontextmanager
    async def utterance(self, peer: str) -> AsyncIterator[None]:
        """As `call`. Where mistakes are still to be paid, nothing is begun that may be another one: whoever gives them
        up and comes again is no faster than whoever waits for the answer."""
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
