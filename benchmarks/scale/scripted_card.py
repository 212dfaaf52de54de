"""How many listeners can the Python around a card carry?

The real scheduler, engine threads and service over stages that only take a card's time; callers in processes of their
own on the same cores. Shows what each listener heard, and which thread of the service spent how much processor time.

    python -m benchmarks.scale.scripted_card --card h200 --streams 50 100 150 250
    python -m benchmarks.scale.scripted_card --card l4 --find 32
    python -m benchmarks.scale.scripted_card --streams 80 --profile 20

No card was used: the times of the stages are stated in benchmarks/support/scripted_card.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.scale.concurrency import CONTINUOUS, TEXTS, figures, largest, line
from benchmarks.support.child_process import Child, child_process
from benchmarks.support.child_service import serve
from benchmarks.support.load_generator import Call, OverWire, generate_load
from benchmarks.support.machine import describe, machine
from benchmarks.support.scripted_card import CARDS, Clock
from benchmarks.support.thread_profiles import ThreadProfiles
from client import Client
from engine import interpreter
from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.options import EngineOptions
from engine.pipeline import threads

BATCH = 32  # windows that the flow, or the vocoder, of a card runs together
STAGES = ("t3", "flow", "vocoder", "text")  # names of the engine's threads


@dataclass(frozen=True)
class Spent:
    """Processor seconds of the service while it was asked."""

    threads: dict[str, float]
    launched_s: float  # of them, on launches
    busy_s: float  # of the card

    def since(self, before: Spent) -> Spent:
        threads = {name: spent - before.threads.get(name, 0.0) for name, spent in self.threads.items()}
        return Spent(threads, self.launched_s - before.launched_s, self.busy_s - before.busy_s)

    def line(self, lasted_s: float) -> str:
        shares = {name: spent / lasted_s for name, spent in self.threads.items()}
        engine = sum(shares.get(name, 0.0) for name in STAGES) - self.launched_s / lasted_s
        parts = [f"{name} {share:.1%}" for name, share in sorted(shares.items(), key=lambda one: -one[1])]
        return (
            f"     of one core: scheduling and bookkeeping {engine:.1%}, launches {self.launched_s / lasted_s:.1%}; "
            f"card busy {self.busy_s / lasted_s:.1%}; by thread: {', '.join(parts)}"
        )


def thread_seconds() -> dict[str, float]:
    """Processor time of this process's threads so far, by name."""
    ticks, spent = os.sysconf("SC_CLK_TCK"), dict[str, float]()
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            name = names.get(int(task.name), "grpc and others")
            spent[name] = spent.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / ticks
    return spent


def _main(commands: Connection, card: str, streams: int, functions: int) -> None:
    threads.SMALL_PARAMETERS = 0  # a thread for each stage, as a model for a card has
    profiles = ThreadProfiles()
    clock = Clock()
    options = EngineOptions(max_utterances=streams, threads=1)  # no worker borrows the others' cores, as beside a card
    model = load("embedded")
    if functions:
        profiles.begin()
    engine = LocalEngine(model, options, clock.wrap(CARDS[card]))
    scheduler = engine._scheduler
    config = replace(scheduler.config, max_batch=BATCH, batch_tokens=None)
    scheduler.config = scheduler.choice.config = config

    def carry_out(command: str) -> None:
        if command == "spent":
            commands.send(Spent(thread_seconds(), clock.launched_s, clock.busy_s))
        else:
            commands.send(profiles.table(functions, ("MainThread", *STAGES).__contains__))

    interpreter.prepare(on_cpu=False)
    asyncio.run(serve(engine, commands, carry_out))


def _asked(child: Child, command: str) -> Any:
    child.commands.send(command)
    return child.commands.recv()


def _callers(address: str, streams: int, seconds: float, seed: int) -> tuple[list[Call], float]:
    """Their calls, and the processor seconds that they took."""

    async def speak() -> list[Call]:
        async with Client(address) as client:
            return await generate_load(OverWire(client), streams, seconds, TEXTS, seed)

    began_s = time.process_time()
    calls = asyncio.run(speak())
    return calls, time.process_time() - began_s


def measure(arguments: argparse.Namespace, streams: int) -> dict[str, Any]:
    shares = [
        streams // arguments.processes + (index < streams % arguments.processes) for index in range(arguments.processes)
    ]
    context = multiprocessing.get_context("spawn")
    with child_process(_main, arguments.card, streams, arguments.profile) as child:
        before: Spent = _asked(child, "spent")
        with ProcessPoolExecutor(len(shares), context) as pool:
            loads = [
                pool.submit(_callers, child.address, share, arguments.seconds, arguments.seed + index)
                for index, share in enumerate(shares)
                if share
            ]
            done = [load.result() for load in loads]
        spent: Spent = _asked(child, "spent").since(before)
        if arguments.profile:
            print(_asked(child, "profile"))
    calls = [call for calls, _ in done for call in calls]
    callers_s = [process_s for _, process_s in done]
    found = figures(calls, streams)
    lasted_s = max(call.ended_s for call in calls)
    print(line(found), spent.line(lasted_s), sep="\n")
    print("     callers' processes:", ", ".join(f"{process_s / lasted_s:.1%}" for process_s in callers_s), flush=True)
    spent_s = {"thread_s": spent.threads, "launched_s": spent.launched_s, "card_busy_s": spent.busy_s}
    return found | spent_s | {"callers_s": callers_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--card", choices=sorted(CARDS), default="h200")
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 100, 150, 250])
    parser.add_argument("--find", type=int, metavar="N", help="look for the largest number that fits, from N on")
    parser.add_argument("--seconds", type=float, default=20.0, help="callers begin no new utterance after that")
    parser.add_argument("--processes", type=int, default=2, help="that the callers are spread over")
    parser.add_argument(
        "--profile", type=int, default=0, metavar="N", help="show the N dearest functions of each thread; slows them"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"a scripted {arguments.card}, service and callers on {describe()}", flush=True)
    found: list[dict[str, Any]] = []

    def fits(streams: int) -> bool:
        found.append(measure(arguments, streams))
        return bool(found[-1]["c100"] >= CONTINUOUS)

    if arguments.find:
        print(f"largest number that fits: {largest(fits, arguments.find)}")
    else:
        for streams in arguments.streams:
            fits(streams)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "card": arguments.card, "sweep": found}) + "\n")


if __name__ == "__main__":
    main()
