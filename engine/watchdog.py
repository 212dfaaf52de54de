"""Notices work that does not end, and threads that are gone.

Each worker tells when a piece of its work begins. A piece is overdue when it takes far longer than the longest recent
one. Its age counts in the watchdog's own ticks, so nothing becomes overdue while the whole process stands still: while
the machine is suspended, or another process has the processor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

TICK_S = 0.25
LEAST_S = 4.0  # within which nothing is overdue: pages that come from the disk, a machine that is busy with other work
FACTOR = 10.0  # times the longest piece of late
MOST_S = 30.0  # that a piece of work counts as at most: after one that stood still, the next is not waited for so long
KEPT = 0.99  # of the longest piece, with every further one


def _always() -> bool:
    return True


class Watched:
    """Whose work is watched. `begin` and `end` are called by the thread that works, all else by the watchdog."""

    def __init__(
        self,
        name: str,
        least_s: float = LEAST_S,
        factor: float = FACTOR,
        is_alive: Callable[[], bool] = _always,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`factor`: of the longest piece of late, beyond `least_s`."""
        self.name = name
        self._now_s = now_s
        self.is_alive = is_alive
        self._least_s = least_s
        self._factor = factor
        self._began_s = 0.0  # 0: it rests
        self._longest_s = 0.0
        self._seen_s = 0.0  # the beginning of the piece whose age is
        self._age_s = 0.0

    def begin(self) -> None:
        self._began_s = self._now_s()

    def end(self) -> None:
        took_s = self._now_s() - self._began_s
        self._longest_s = max(min(took_s, MOST_S), KEPT * self._longest_s)
        self._began_s = 0.0

    @property
    def works(self) -> bool:
        return self._began_s > 0

    @property
    def limit_s(self) -> float:
        """What a piece of work may take."""
        return self._least_s + self._factor * self._longest_s

    def grow_older(self, by_s: float) -> bool:
        """So much time went by; whether its work is overdue."""
        began_s = self._began_s
        self._age_s = self._age_s + by_s if began_s and began_s == self._seen_s else 0.0
        self._seen_s = began_s
        return self._age_s > self.limit_s


class Watchdog:
    """A thread that tells, once, of the first that is overdue or gone."""

    def __init__(
        self,
        watched: Sequence[Watched],
        on_overdue: Callable[[Watched], None],
        on_gone: Callable[[Watched], None],
        tick_s: float = TICK_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_s = now_s
        self._watched = watched
        self._on_overdue = on_overdue
        self._on_gone = on_gone
        self._tick_s = tick_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """It tells nothing any more."""
        self._ended.set()

    def _run(self) -> None:
        looked_s = self._now_s()
        while not self._ended.wait(self._tick_s):
            now_s = self._now_s()
            passed_s, looked_s = min(now_s - looked_s, 2 * self._tick_s), now_s
            for one in self._watched:
                if one.grow_older(passed_s):
                    return self._on_overdue(one)
                if not one.is_alive():
                    return self._on_gone(one)


def ends_within(limit_s: float, work: Callable[[], object], name: str) -> bool:
    """Does `work`, which may hang, on a thread of its own; whether it ended in time."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    thread.join(limit_s)
    return not thread.is_alive()
