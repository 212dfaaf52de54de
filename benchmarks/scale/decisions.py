"""How long does the scheduler think?

One decision of each worker (what T3 steps, which windows the flow runs, what the vocoder does), over utterances in
random states on machines of random costs: while everybody has audio enough, while some are short of it, and while all
are.

    python -m benchmarks.scale.decisions
    python -m benchmarks.scale.decisions --streams 50 100 250 500
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.support.machine import describe, machine
from benchmarks.support.random_schedulers import CALM, MIXED, URGENT, random_scheduler
from benchmarks.support.sample_statistics import summary
from engine.clock import now_ns
from engine.scheduling.scheduler import Scheduler

LEADS = {"calm": CALM, "mixed": MIXED, "urgent": URGENT}
NEW = "flow of a new machine"
NAMES = ("t3", "flow", "vocoder", NEW)
ATTEMPTS = 4  # of each scheduler


def decisions(scheduler: Scheduler) -> dict[str, Callable[[], object]]:
    return {
        "t3": lambda: (
            scheduler.to_speak(),
            scheduler.beside(stepping := scheduler.to_step(), scheduler.to_feed(stepping)),
        ),
        "flow": lambda: scheduler.next_flow_jobs(now_ns()),
        "vocoder": lambda: (scheduler.settle(), scheduler.next_vocoder_jobs()),
    }


def measure(streams: int, lead: str, times: int) -> dict[str, Any]:
    """A machine whose costs have just changed is a new one: what is worked out once for it counts apart."""
    took_ms: dict[str, list[float]] = {name: [] for name in NAMES}
    for seed in range(times):
        scheduler = random_scheduler(streams, LEADS[lead], seed)
        with scheduler.lock:
            for attempt in range(ATTEMPTS):
                for running in scheduler._running.values():
                    running.look_again_ns = 0  # as if the last decision was long ago
                for worker, decide in decisions(scheduler).items():
                    began_s = time.thread_time()
                    decide()
                    name = NEW if worker == "flow" and not attempt else worker
                    took_ms[name].append(1e3 * (time.thread_time() - began_s))
    return {"streams": streams, "lead": lead, **{name: summary(taken) for name, taken in took_ms.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 250])
    parser.add_argument("--times", type=int, default=200, help="schedulers that are asked")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"decisions in ms of a processor, p50 and p99, on {describe()}", flush=True)
    found = []
    for streams in arguments.streams:
        for lead in LEADS:
            found.append(one := measure(streams, lead, arguments.times))
            parts = (f"{name} {one[name]['p50']:.2f} {one[name]['p99']:.2f}" for name in NAMES)
            print(f"{streams:4} streams, {lead:6}  {'   '.join(parts)}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "decisions": found}) + "\n")


if __name__ == "__main__":
    main()
