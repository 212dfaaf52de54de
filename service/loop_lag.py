"""How late the event loop runs its callbacks: a timer that knows when it should have fired.

A blocked loop delays every write, and nothing else would show it. The timer ticks only while somebody watches.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager


class LagWatch:
    """The largest lag since one reader looked last."""

    def __init__(self, probe: LoopLag) -> None:
        self._probe = probe
        self._max_s = 0.0

    def see(self, lag_s: float) -> None:
        self._max_s = max(self._max_s, lag_s)

    def take_s(self) -> float:
        """Includes a tick that is overdue right now, so a block shows in the chunk that it delayed."""
        largest, self._max_s = max(self._max_s, self._probe.overdue_s), 0.0
        return largest


class LoopLag:
    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._watches: set[LagWatch] = set()
        self._due_s = 0.0

    @property
    def overdue_s(self) -> float:
        return max(0.0, time.monotonic() - self._due_s)

    @contextmanager
    def watch(self) -> Iterator[LagWatch]:
        watch = LagWatch(self)
        self._watches.add(watch)
        if len(self._watches) == 1:
            self._schedule()
        try:
            yield watch
        finally:
            self._watches.remove(watch)
            if not self._watches:
                self._timer.cancel()

    def _schedule(self) -> None:
        self._due_s = time.monotonic() + self._interval_s
        self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._tick)

    def _tick(self) -> None:
        lag_s = self.overdue_s
        for watch in self._watches:
            watch.see(lag_s)
        self._schedule()
