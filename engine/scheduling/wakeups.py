"""Which worker is woken by what: each one waits for its own stages, and for nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from enum import Enum
from queue import Empty, SimpleQueue


class Stage(Enum):
    """What a worker does, in the order in which an utterance passes through it."""

    TEXT = "text"
    T3 = "t3"
    FLOW = "flow"
    VOCODER = "vocoder"


class Wakeup:
    """What one worker waits for. A queue costs a fraction of what `threading.Event` does, for each wait and each set.

    The worker clears it, looks for work with the scheduler's lock held, and waits if there is none: what happens after
    it has looked sets it again."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """For any thread; takes no lock that is held for longer than that."""
        if self._calls.empty():  # else the worker has yet to look, and looks after this
            self._calls.put(None)

    def clear(self) -> None:
        while not self._calls.empty():
            self._calls.get_nowait()

    def wait(self, limit_s: float | None) -> None:
        """Returns once it is set, and clears it, or after `limit_s`."""
        with contextlib.suppress(Empty):
            self._calls.get(timeout=limit_s)


class Wakeups:
    """One for each worker."""

    def __init__(self) -> None:
        self._of = {stage: Wakeup() for stage in Stage}

    def of(self, stages: Iterable[Stage]) -> Wakeup:
        """That of a worker that has all these stages."""
        wakeup = Wakeup()
        for stage in stages:
            self._of[stage] = wakeup
        return wakeup

    def wake(self, *stages: Stage) -> None:
        for stage in stages:
            self._of[stage].set()

    def wake_all(self) -> None:
        self.wake(*Stage)
