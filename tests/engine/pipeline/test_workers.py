"""Who works alone works on all cores, who works beside others on its own thread."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from engine.apart import apart
from engine.device import cores
from engine.pipeline.worker import Runner, Work, Worker, Workers
from engine.scheduling.config import SchedulerConfig
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.timing import Timing
from engine.scheduling.wakeups import Stage
from engine.scheduling.windows import LadderConfig

TIMING = Timing(sample_rate=1000, samples_per_token=40, lookahead=3, largest=25)
CONFIG = SchedulerConfig(
    max_utterances=2, ladder=LadderConfig(sizes=(25,)), timing=TIMING, ledger_tokens=100, channel_samples=1000
)


class Orders(Runner):
    """Does what it is given, and says on which thread."""

    def __init__(self, scheduler: Scheduler, stage: Stage) -> None:
        self.scheduler, self.stage = scheduler, stage
        self.waiting: list[Work] = []
        self.done: queue.Queue[str] = queue.Queue()

    def take(self) -> Work | None:
        if not self.waiting:
            return None
        work = self.waiting.pop(0)

        def do() -> None:
            work()
            self.done.put(threading.current_thread().name)

        return do

    def wants(self) -> bool:
        return bool(self.waiting)

    def give(self, work: Work) -> None:
        with self.scheduler.lock:
            self.waiting.append(work)
            self.scheduler.wakeups.wake(self.stage)

    def where(self) -> str:
        return self.done.get(timeout=5)


class Team:
    def __init__(self) -> None:
        self.scheduler = Scheduler(CONFIG)
        self.one, self.other = Orders(self.scheduler, Stage.T3), Orders(self.scheduler, Stage.FLOW)
        runners = {"a": self.one, "b": self.other}
        self.workers = [Worker(name, self.scheduler, [runner], _nothing) for name, runner in runners.items()]
        self.crew = Workers(self.workers, cores.everything())
        self.crew.start()

    def settle(self) -> None:
        end = time.monotonic() + 5
        while time.monotonic() < end and not all(worker.rests for worker in self.workers):
            time.sleep(0.001)

    def end(self) -> None:
        self.scheduler.close()
        self.crew.join()


def _nothing() -> None:
    pass


@pytest.fixture
def team() -> Iterator[Team]:
    running = Team()
    yield running
    running.end()
    assert not {thread.name for thread in threading.enumerate()} & {"a", "b"}


def test_who_works_alone_has_all_cores(team: Team) -> None:
    team.one.give(_nothing)
    assert team.one.where() == "all-cores_0"
    team.settle()
    team.other.give(_nothing)
    assert team.other.where() == "all-cores_0"


def test_who_works_beside_another_stays_on_its_own_thread(team: Team) -> None:
    begun, end = threading.Event(), threading.Event()

    def long() -> None:
        begun.set()
        end.wait(5)

    team.one.give(long)
    assert begun.wait(5)
    team.other.give(_nothing)
    assert team.other.where() == "b"
    end.set()
    assert team.one.where() == "all-cores_0"
    team.settle()
    team.other.give(_nothing)
    assert team.other.where() == "all-cores_0"


def test_another_that_has_work_and_has_not_looked_yet_counts_as_working(team: Team) -> None:
    both = threading.Barrier(2, timeout=5)
    with team.scheduler.lock:
        team.one.give(lambda: _meet(both))
        team.other.give(lambda: _meet(both))
    assert (team.one.where(), team.other.where()) == ("a", "b")


def _meet(others: threading.Barrier) -> None:
    others.wait()


def test_what_breaks_on_all_cores_breaks_the_worker(team: Team, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise RuntimeError("on all cores")

    team.one.give(broken)
    team.crew.join()
    assert team.scheduler.closed
    assert "on all cores" in caplog.text


def test_a_thread_keeps_the_cores_that_it_was_given() -> None:
    """torch hands what was set last, by anyone, to every thread that has not worked yet."""
    found: list[int] = []
    pinned, others = threading.Event(), threading.Event()

    def work() -> None:
        cores.pin(2)
        pinned.set()
        others.wait(5)
        found.append(torch.get_num_threads())

    thread = threading.Thread(target=work)
    thread.start()
    assert pinned.wait(5)
    apart(lambda: cores.pin(1))
    others.set()
    thread.join()
    assert found == [2]
