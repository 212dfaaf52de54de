"""What the stages' work has in common: the threads that do it until the scheduler closes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

from engine.clock import now_ns
from engine.device.faults import is_device_fault
from engine.errors import EngineBroken, Fault
from engine.pipeline.breakdown import break_down
from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.estimates import Load
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.wakeups import Stage
from engine.watchdog import Watched

log = logging.getLogger(__name__)

Job = TypeVar("Job")
Work = Callable[[], None]


def _here(work: Work) -> Work:
    return work


class Runner:
    """Runs one stage. Its methods are called on the thread that has it."""

    stage: Stage

    def take(self) -> Work | float | None:
        """With the scheduler's lock held: what to do now, or in how many seconds there may be something, or None:
        not before something changes."""
        raise NotImplementedError

    def wants(self) -> bool:
        """With the scheduler's lock held: whether there is something to do now."""
        raise NotImplementedError


class Worker:
    """A named thread that does the work of its runners, the first of them first, until the scheduler closes."""

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        runners: Sequence[Runner],
        on_start: Callable[[], None],
        load: Load | None = None,
        *,
        is_light: bool = False,
        turn: AbstractContextManager[Any] | None = None,
    ) -> None:
        """`load` learns how busy it is. `is_light`: its work needs no share of the cores worth counting. `turn` is held
        during each piece of work."""
        self._scheduler = scheduler
        self._duties = runners
        self._on_start = on_start
        self._load = load
        self._is_light = is_light
        self._turn = turn or nullcontext()
        self._wakeup = scheduler.wakeups.of(runner.stage for runner in runners)
        self._busy = False
        self._place: Callable[[Work], Work] = _here
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.watched = Watched(f"the {name} thread", is_alive=self._thread.is_alive)

    def start(self, place: Callable[[Work], Work] = _here) -> None:
        """`place`, called with the scheduler's lock held, may have a piece of work done elsewhere; the worker
        waits for it."""
        self._place = place
        self._thread.start()

    def join(self, limit_s: float | None = None) -> bool:
        """Whether it ended."""
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    @property
    def rests(self) -> bool:
        """With the scheduler's lock held: whether it neither does anything nor has anything to do."""
        return self._is_light or (not self._busy and not any(runner.wants() for runner in self._duties))

    def _run(self) -> None:
        """A worker that breaks closes the scheduler, so that nobody waits for a thread that is gone."""
        try:
            self._on_start()
            rested_ns = now_ns()
            while work := self._next():
                began_ns = now_ns()
                self.watched.begin()
                with self._turn:
                    work()
                self.watched.end()
                self._busy = False
                ended_ns = now_ns()
                if self._load is not None:
                    self._load.add((began_ns - rested_ns) / NS_PER_S, (ended_ns - began_ns) / NS_PER_S)
                rested_ns = ended_ns
        except Exception as error:
            log.exception("the %s thread broke", self._thread.name)
            fault = Fault.DEVICE_FAILED if is_device_fault(error) else Fault.THREAD_DIED
            break_down(self._scheduler, EngineBroken(fault, f"the {self._thread.name} thread broke: {error}"))

    def _next(self) -> Work | None:
        """Waits for work and returns it; None once the scheduler has closed and nothing is left."""
        while True:
            self._wakeup.clear()
            waits: list[float] = []
            with self._scheduler.lock:
                for runner in self._duties:
                    found = runner.take()
                    if callable(found):
                        self._busy = True
                        return self._place(found)
                    if found is not None:
                        waits.append(found)
                if self._scheduler.closed:
                    return None
            self._wakeup.wait(min(waits, default=None))


class Workers:
    """Workers that share the cores while they work side by side. A worker that works alone has all cores."""

    def __init__(self, workers: Sequence[Worker], all_cores: Executor | None = None) -> None:
        """`all_cores` does work on all cores; None where that would gain nothing."""
        self._workers = workers
        self._all_cores = all_cores

    def start(self) -> None:
        for worker in self._workers:
            worker.start(partial(self._placed, worker))

    @property
    def watched(self) -> list[Watched]:
        return [worker.watched for worker in self._workers]

    def join(self, limit_s: float | None = None) -> None:
        """Waits for each at most so long: one that hangs ends with the process."""
        for worker in self._workers:
            if not worker.join(limit_s):
                log.error("%s does not end", worker.watched.name)

    def _placed(self, worker: Worker, work: Work) -> Work:
        """With the scheduler's lock held: the same work, on as many cores as it may take."""
        executor = self._all_cores
        if executor is None or not all(other.rests for other in self._workers if other is not worker):
            return work
        return lambda: executor.submit(work).result()


def together(jobs: Sequence[Job], most: int, kind: Callable[[Job], Hashable]) -> list[Job]:
    """Returns the first, most urgent job and those of its kind, which can be run with it."""
    if most == 1 or len(jobs) == 1:
        return [jobs[0]]
    first = kind(jobs[0])
    return [jobs[0], *(job for job in jobs[1:] if kind(job) == first)][:most]
