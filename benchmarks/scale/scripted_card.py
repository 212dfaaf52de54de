"""How many listeners can the Python around a card carry?

The real scheduler, engine threads and service over stages that only take a card's time; callers in processes of their
own on the same cores. Shows what each listener heard, and which thread of the service spent how much processor time.

    python -m benchmarks.scale.scripted_card --card h200 --streams 50 100 150 250
    python -m benchmarks.scale.scripted_card --streams 150 --engines process
    python -m benchmarks.scale.scripted_card --card l4 --find 32
    python -m benchmarks.scale.scripted_card --streams 80 --profile 20

No card was used: the times of the stages are stated in benchmarks/support/scripted_card.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.scale.concurrency import CONTINUOUS, TEXTS, figures, largest, line
from benchmarks.support.card_service import card_service
from benchmarks.support.load_generator import Call, OverWire, generate_load
from benchmarks.support.machine import describe, machine
from benchmarks.support.scripted_card import CARDS
from client import Client
from service.engines.config import LOCAL, PROCESS


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
    apart = arguments.engines == PROCESS
    with card_service(arguments.card, streams, arguments.profile, apart=apart) as service:
        service.begin()
        with ProcessPoolExecutor(len(shares), context) as pool:
            loads = [
                pool.submit(_callers, service.address, share, arguments.seconds, arguments.seed + index)
                for index, share in enumerate(shares)
                if share
            ]
            done = [load.result() for load in loads]
        spent = service.spent()
        if arguments.profile:
            print(*service.profiles(), sep="\n")
    calls = [call for calls, _ in done for call in calls]
    found = figures(calls, streams)
    lasted_s = max(call.ended_s for call in calls)
    print(line(found))
    for name, one in zip(("gateway", "engine") if apart else ("service",), spent, strict=True):
        print(f"     {name}: {one.line(lasted_s)}")
    callers_s = [process_s for _, process_s in done]
    print("     callers' processes:", ", ".join(f"{process_s / lasted_s:.1%}" for process_s in callers_s), flush=True)
    return found | {"spent": [asdict(one) for one in spent], "callers_s": callers_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--card", choices=sorted(CARDS), default="h200")
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 100, 150, 250])
    parser.add_argument("--find", type=int, metavar="N", help="look for the largest number that fits, from N on")
    parser.add_argument("--seconds", type=float, default=20.0, help="callers begin no new utterance after that")
    parser.add_argument("--engines", choices=[LOCAL, PROCESS], default=LOCAL, help="process: behind a gateway")
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
