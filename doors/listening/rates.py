"""Rate limits: how often a second a caller is served. The service limits connections, the doors limit addresses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache

UNCOUNTED = ("unix:", "")  # callers that nothing tells from others
_REMEMBERED = 1_024  # callers, the last ones that came


class Rate:
    """A bucket of `burst` calls or messages that refills at `per_s`. A caller who finds it empty waits, unrefused.

    Waiting callers take theirs one after the other, each in its own turn of the event loop. If each had booked a time,
    all whose time came while the loop was late would go at once, and make the loop later still."""

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
        """Takes one, and waits as long as it must. A cancelled wait gives it back, so that nobody waits for it."""
        async with self._next:
            if (wait_s := self.take()) > 0:
                try:
                    await asyncio.sleep(wait_s)
                except asyncio.CancelledError:
                    self._left += 1
                    raise


class Rates:
    """How often a second something of one caller, a connection or an address, goes through at once; what comes sooner
    waits for its turn.

    HTTP/2 lets a connection have so many calls open and no more, so that calls that wait hold the next ones back."""

    def __init__(self, *, per_s: float, burst: int, now_s: Callable[[], float] = time.monotonic) -> None:
        def rate(caller: str) -> Rate:
            return Rate(per_s=per_s, burst=burst, now_s=now_s)

        self._of = lru_cache(_REMEMBERED)(rate)

    async def wait(self, caller: str) -> None:
        if caller not in UNCOUNTED:
            await self._of(caller).wait()

    def take(self, caller: str) -> float:
        """Takes one that is never given back; the seconds until it is paid."""
        return 0.0 if caller in UNCOUNTED else self._of(caller).take()

    async def settle(self, caller: str) -> None:
        """Takes nothing, and waits until all that was taken is paid."""
        if caller not in UNCOUNTED:
            rate = self._of(caller)
            while (debt_s := rate.debt_s) > 0:
                await asyncio.sleep(debt_s)
