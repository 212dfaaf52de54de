"""What happens when three times as many callers come as fit?

It measures what the admitted ones hear, and how soon the others are refused.

    python -m benchmarks.scale.overload --fits 10

A service that admits --fits utterances, and three times as many callers; a refused one comes again when the server
said. A process that does nothing else (benchmarks/scale/refusal_time.py) opens a call every half second and
measures, from its first message to the status, how long a refusal takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.scale.concurrency import TEXTS, figures, line
from benchmarks.support.load_generator import OverWire, generate_load
from benchmarks.support.machine import describe, machine
from benchmarks.support.sample_statistics import summary
from benchmarks.support.service_process import service
from client import Client

OVERLOAD = 3  # callers for each stream that fits
PROBE_FROM_S = 5.0  # the callers need a while to fill the service


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    with service("--model", arguments.model, "--max-utterances", str(arguments.fits)) as address:
        idle = [sys.executable, "-m", "benchmarks.scale.refusal_time", address, str(arguments.seconds - PROBE_FROM_S)]
        async with Client(address) as client, asyncio.TaskGroup() as group:
            speaking = group.create_task(
                generate_load(OverWire(client), OVERLOAD * arguments.fits, arguments.seconds, TEXTS, arguments.seed)
            )
            await asyncio.sleep(PROBE_FROM_S)
            probing = group.create_task(asyncio.to_thread(subprocess.check_output, idle))
    calls, refusals = speaking.result(), json.loads(probing.result())
    hints = [call.retry_after_s for call in calls if call.refused]
    return figures(calls, OVERLOAD * arguments.fits) | {
        "fits": arguments.fits,
        "refusal_ms": summary(refusals) if refusals else None,
        "refusals_measured": len(refusals),
        "refused_with_hint": sum(hint is not None for hint in hints),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--fits", type=int, default=10, help="streams that the service admits")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments))
    print(f"{found['fits']} admitted, {OVERLOAD} times as many callers, on {describe()}")
    print(line(found))
    refusal = found["refusal_ms"]
    print(f"refused {found['refused']}, of them with a retry hint {found['refused_with_hint']}")
    if refusal:
        said = "  ".join(f"{name} {took:.1f} ms" for name, took in refusal.items())
        print(f"{found['refusals_measured']} refusals seen by an idle process: {said}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
