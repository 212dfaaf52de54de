"""What one caller may take of the server before anybody looks at what it says: calls under way, messages per second.

docs/limits.md lists these limits and all others.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from service.rpc.errors import TooManyCalls

_PEERS = 1_000  # connections whose refusals are remembered
_UNCOUNTED = ("unix:", "")  # peers that do not tell connections apart


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


class MessageRate:
    """A bucket of `burst` messages that fills again at `per_s`. Whoever empties it is read more slowly, not refused."""

    def __init__(self, *, per_s: float, burst: int, now_s: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = burst
        self._now_s = now_s
        self._left = float(burst)
        self._seen_s = now_s()

    def take(self) -> float:
        """Takes one message; gives the seconds to wait before the next one is read."""
        now_s = self._now_s()
        self._left = min(self._burst, self._left + (now_s - self._seen_s) * self._per_s)
        self._seen_s = now_s
        self._left -= 1
        return max(0.0, -self._left / self._per_s)

    def give_back(self) -> None:
        self._left += 1

    async def wait(self) -> None:
        """Takes one message, and waits as long as it must; even without a wait others get their turn now and then."""
        if (wait_s := self.take()) > 0:
            await asyncio.sleep(wait_s)


class RefusalRate:
    """How often wrong tokens of a connection are answered: beyond that the answers wait, and so does who floods.

    HTTP/2 lets a connection have so many calls open and no more, so that waiting answers hold the next ones back.
    """

    def __init__(self, *, per_s: float, burst: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._new = partial(MessageRate, per_s=per_s, burst=burst, now_s=now_s)
        self._rates: OrderedDict[str, MessageRate] = OrderedDict()  # by peer, the latest last

    async def wait(self, peer: str) -> None:
        rate = self._rates.pop(peer, None) or self._new()
        self._rates[peer] = rate
        if len(self._rates) > _PEERS:
            self._rates.popitem(last=False)
        try:
            await asyncio.sleep(rate.take())
        except asyncio.CancelledError:  # its sender waits no longer, and nobody is to wait for him
            rate.give_back()
            raise
