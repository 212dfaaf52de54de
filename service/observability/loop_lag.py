"""How late the event loop runs its callbacks: a timer that knows when it should have fired.

A blocked loop delays every write, and nothing else would show it. The timer ticks only while somebody watches.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.clock import now_ns

WORTH_TELLING_S = 0.005
RECENT_S = 2.0
_REMEMBERED = 64  # delays


@dataclass(frozen=True)
class Lag:
    s: float
    from_ns: int  # 0: no delay worth telling


NONE = Lag(0.0, 0)


class LagWatch:
    """The largest lag since one reader looked last. However many watch, a tick costs the same."""

    def __init__(self, probe: LoopLag) -> None:
        self._probe = probe
        self._seen = probe.ticks

    def take(self) -> Lag:
        """Includes a tick that is overdue right now, so a block shows in the chunk that it delayed."""
        probe = self._probe
        largest = max(probe.largest_since(self._seen), probe.overdue, key=lambda one: one.s)
        self._seen = probe.ticks
        return largest

    def take_s(self) -> float:
        return self.take().s


class LoopLag:
    def __init__(self, interval_s: float, observe: Callable[[float], None] = lambda lag_s: None) -> None:
        """`observe` is given the lag of every tick."""
        self._interval_s = interval_s
        self._observe = observe
        self.ticks = 0
        self._largest: list[tuple[int, Lag]] = []  # by tick, each of them larger than all that came after it
        self._watching = 0
        self._due_s = 0.0
        self._ticking = False
        self._until_s = 0.0  # ticks so long without anybody watching
        self._past: deque[Lag] = deque(maxlen=_REMEMBERED)

    @property
    def overdue_s(self) -> float:
        return max(0.0, time.monotonic() - self._due_s) if self._ticking else 0.0

    @property
    def overdue(self) -> Lag:
        late_s = self.overdue_s
        return Lag(late_s, now_ns() - round(late_s * 1e9)) if late_s > WORTH_TELLING_S else Lag(late_s, 0)

    def recent(self) -> Lag:
        """The largest worth telling of the last RECENT_S."""
        since_ns = now_ns() - round(RECENT_S * 1e9)
        recent = [lag for lag in (*self._past, self.overdue) if lag.from_ns + lag.s * 1e9 > since_ns and lag.from_ns]
        return max(recent, key=lambda lag: lag.s, default=NONE)

    def largest_since(self, tick: int) -> Lag:
        """Of the ticks after this one."""
        place = bisect_right(self._largest, tick, key=lambda one: one[0])
        return self._largest[place][1] if place < len(self._largest) else NONE

    def _note(self, lag: Lag) -> None:
        self.ticks += 1
        while self._largest and self._largest[-1][1].s <= lag.s:
            self._largest.pop()
        self._largest.append((self.ticks, lag))
        del self._largest[:-_REMEMBERED]

    def keep_watching(self) -> None:
        """Ticks on for a while, for whoever asks from time to time."""
        self._until_s = time.monotonic() + RECENT_S
        self._start()

    @contextmanager
    def watch(self) -> Iterator[LagWatch]:
        self._watching += 1
        self._start()
        try:
            yield LagWatch(self)
        finally:
            self._watching -= 1
            if not self._wanted:
                self._timer.cancel()
                self._ticking = False

    @property
    def _wanted(self) -> bool:
        return self._watching > 0 or time.monotonic() < self._until_s

    def _start(self) -> None:
        if not self._ticking:
            self._ticking = True
            self._schedule()

    def _schedule(self) -> None:
        self._due_s = time.monotonic() + self._interval_s
        self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._tick)

    def _tick(self) -> None:
        lag = self.overdue
        self._observe(lag.s)
        self._note(lag)
        if lag.from_ns:
            self._past.append(lag)
        self._ticking = self._wanted
        if self._ticking:
            self._schedule()
