"""Which worker is woken by what: each one waits for its own stages, and for nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from enum import Enum


class Stage(Enum):
    """What a worker does, in the order in which an utterance passes through it."""

    TEXT = "text"
    T3 = "t3"
    FLOW = "flow"
    VOCODER = "vocoder"


class Wakeups:
    """One event for each worker. Setting one takes no lock that is held for longer than that.

    A worker clears its event, looks for work with the scheduler's lock held, and waits if there is none: what happens
    after it has looked sets the event again."""

    def __init__(self) -> None:
        self._events = {stage: threading.Event() for stage in Stage}

    def of(self, stages: Iterable[Stage]) -> threading.Event:
        """The event of a worker that has all these stages."""
        event = threading.Event()
        for stage in stages:
            self._events[stage] = event
        return event

    def wake(self, *stages: Stage) -> None:
        for stage in stages:
            if not (event := self._events[stage]).is_set():  # else its worker has yet to look, and looks after this
                event.set()

    def wake_all(self) -> None:
        self.wake(*Stage)
