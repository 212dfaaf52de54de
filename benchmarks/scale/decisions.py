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


def decisions(scheduler: Scheduler) -> dict[str, Callable[[], object]]:
    return {
        "t3": lambda: (scheduler.to_speak(), scheduler.to_feed(scheduler.to_step())),
        "flow": lambda: scheduler.next_flow_jobs(now_ns()),
        "vocoder": lambda: (scheduler.settle(), scheduler.next_vocoder_jobs()),
    }


def measure(streams: int, lead: str, times: int) -> dict[str, Any]:
    """Each scheduler is asked twice, by every worker: what it was asked once it may remember."""
    took_s: dict[str, list[float]] = {}
    for seed in range(times):
        scheduler = random_scheduler(streams, LEADS[lead], seed)
        with scheduler.lock:
            for _ in range(2):
                for worker, decide in decisions(scheduler).items():
                    began_s = time.perf_counter()
                    decide()
                    took_s.setdefault(worker, []).append(time.perf_counter() - began_s)
    return {"streams": streams, "lead": lead, **{worker: summary(taken) for worker, taken in took_s.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 250])
    parser.add_argument("--times", type=int, default=200, help="schedulers that are asked")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"decisions in ms, p50 and p99, on {describe()}", flush=True)
    found = []
    for streams in arguments.streams:
        for lead in LEADS:
            found.append(one := measure(streams, lead, arguments.times))
            taken = ((worker, one[worker]) for worker in ("t3", "flow", "vocoder"))
            parts = (f"{worker} {1e3 * took['p50']:.2f} {1e3 * took['p99']:.2f}" for worker, took in taken)
            print(f"{streams:4} streams, {lead:6}  {'   '.join(parts)}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "decisions": found}) + "\n")


if __name__ == "__main__":
    main()
