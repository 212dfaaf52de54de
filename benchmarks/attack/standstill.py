"""When did this machine stand still, whoever wanted to run?

    sudo python -m benchmarks.attack.standstill

The processors of a virtual machine are taken away from it now and then, for milliseconds, and its own accounts do not
tell. A thread on each core that goes before everybody else there (SCHED_FIFO) sleeps again and again, for a moment; by
what it wakes too late, everybody on that core was late. Watches until its standard input ends (Ctrl-D), and then prints
one JSON object, the fields of `Stood`. Without the right to such threads nothing was seen.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import asdict, dataclass

from benchmarks.attack.beside import begins, until_told
from client._clock import Span, now_ns

MOST_CORES = 8  # are watched
PERIOD_S = 0.001
LATE_S = 0.0015  # and more is a standstill; less is the watching itself
PRIORITY = 90


@dataclass(frozen=True, kw_only=True)
class Stood:
    still: list[tuple[int, int]]  # from when to when, of any core, in nanoseconds since the epoch

    def within(self, span: Span) -> int:
        """The nanoseconds of `span` in which a core stood still."""
        common = sorted(Span(*still).common(span) for still in self.still)
        total_ns, until_ns = 0, span.start_ns
        for part in common:
            total_ns += max(0, part.end_ns - max(part.start_ns, until_ns))
            until_ns = max(until_ns, part.end_ns)
        return total_ns


def watch(core: int, told: threading.Event, still: list[tuple[int, int]]) -> None:
    """Appends to `still` until told to end."""
    try:
        os.sched_setaffinity(0, {core})  # of this thread
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except (AttributeError, PermissionError):
        return
    while not told.is_set():
        due_ns = now_ns() + round(PERIOD_S * 1e9)
        time.sleep(PERIOD_S)
        if (woke_ns := now_ns()) - due_ns > LATE_S * 1e9:
            still.append((due_ns, woke_ns))


def main() -> None:
    told, still = threading.Event(), list[tuple[int, int]]()
    cores = sorted(os.sched_getaffinity(0))[:MOST_CORES]
    watching = [threading.Thread(target=watch, args=(core, told, still)) for core in cores]
    for thread in watching:
        thread.start()
    begins()
    until_told()
    told.set()
    for thread in watching:
        thread.join()
    print(json.dumps(asdict(Stood(still=still))))


if __name__ == "__main__":
    main()
