"""What does a caller notice while another one floods the service, or sends it odd texts?

    python -m benchmarks.attack
    python -m benchmarks.attack --kinds flushes 'GetServerInfo' --seconds 5

Each kind attacks from a process of its own, beside a neighbour that listens to one utterance after the other, asks for
first sounds, and asks the server's clock. The same neighbour is heard first without an attack. A kind is noticed if it
made a gap more than 50 ms longer, doubled the median of the time to first sound, let the clock answer later than 50 ms
of the time in which the machine did not stand still, or left something running. A machine may be twice as slow within
minutes, so what is noticed is tried again, right behind the neighbour without an attack. Exit code 1 if it is noticed
again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.attack.beside import LOWEST_PRIORITY, beside
from benchmarks.attack.judgement import Figures, Limits, noticed
from benchmarks.attack.kinds import KINDS, SHORT
from benchmarks.attack.neighbour import hear
from benchmarks.support.machine import describe, machine
from benchmarks.support.service_process import process
from client import Client

ATTACKER = "benchmarks.attack.attacker"
HEAD_START_S = 0.5  # of an attacker that has begun
NOT_CANONICAL = "INTERNAL", "UNKNOWN"  # nobody is told so of what he sent
QUIET_S = 10.0  # until then nothing of an attack may be left


@dataclass(frozen=True, kw_only=True)
class Result:
    kind: str
    outcomes: dict[str, int]
    figures: Figures
    memory_mib: float  # of the service, afterwards
    descriptors: int
    noticed: list[str]
    without: Figures  # what it was compared with


async def measure(arguments: argparse.Namespace) -> list[Result]:
    """Of each kind, and once more of those that were noticed."""
    flags = ["--model", arguments.model, *arguments.service_flags]
    with process(*flags) as (address, service):
        await hear(address, 2.0)  # warms up
        without = await _nobody(address, 2 * arguments.seconds)
        results = []
        for kind in arguments.kinds:
            results.append(await attacked(kind, address, service.pid, without, arguments))
            if results[-1].noticed:
                now = await _nobody(address, arguments.seconds)
                results.append(await attacked(kind, address, service.pid, now, arguments))
        return results


async def _nobody(address: str, seconds: float) -> Figures:
    figures = Figures.of(await hear(address, seconds))
    print(row("(nobody attacks)", figures, {}, []), flush=True)
    return figures


async def attacked(kind: str, address: str, pid: int, without: Figures, arguments: argparse.Namespace) -> Result:
    async with beside(ATTACKER, kind, address, niceness=LOWEST_PRIORITY) as outcomes:
        await asyncio.sleep(HEAD_START_S)
        figures = Figures.of(await hear(address, arguments.seconds))
    found = noticed(figures, without, Limits(), slack=arguments.slack)
    if left := await _left(address):
        found.append(f"{left} utterances still run {QUIET_S:.0f} s after it")
    found += [f"{outcomes[code]} calls ended with {code}" for code in NOT_CANONICAL if code in outcomes]
    memory_mib, descriptors = held(pid)
    print(row(kind, figures, outcomes, found), flush=True)
    return Result(
        kind=kind,
        outcomes=outcomes,
        figures=figures,
        memory_mib=memory_mib,
        descriptors=descriptors,
        noticed=found,
        without=without,
    )


async def _left(address: str) -> int:
    """Utterances that do not end although nobody is there any more."""
    async with Client(address) as client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUIET_S):
                while (await client.info()).active_utterances:
                    await asyncio.sleep(0.05)
        return (await client.info()).active_utterances


def held(pid: int) -> tuple[float, int]:
    """Resident memory in MiB and open descriptors of a process of this machine."""
    folder = Path(f"/proc/{pid}")
    status = (folder / "status").read_text(encoding="ascii")
    resident_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return resident_kib / 1024, len(list((folder / "fd").iterdir()))


def row(kind: str, figures: Figures, outcomes: dict[str, int], found: Sequence[str]) -> str:
    ended = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    return (
        f"{kind:36} gap {_ms(figures.gap_s)}  first sound {_ms(figures.ttfa_s)}  clock {_ms(figures.probe_s)}  "
        f"(running {_ms(figures.running_s)})  loop {_ms(figures.loop_s)}  "
        f"{f'refused {figures.refused}  ' if figures.refused else ''}{ended}"
        f"{''.join(f'{chr(10)}    NOTICED {words}' for words in found)}"
    )


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:4.0f} ms" if math.isfinite(seconds) else "   never"


def report(results: Sequence[Result]) -> dict[str, Any]:
    return {"machine": machine(), "kinds": [asdict(result) for result in results]}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS), metavar="KIND")
    parser.add_argument("--short", dest="kinds", action="store_const", const=list(SHORT), help="a handful of kinds")
    parser.add_argument("--list", action="store_true", help="name the kinds, and attack nobody")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each kind")
    parser.add_argument("--slack", type=float, default=1.0, help="widens what may be noticed, on a busy machine")
    parser.add_argument("--json", type=Path)
    parser.add_argument("service_flags", nargs="*", metavar="-- FLAG", help="of the service, behind --")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(KINDS))
        return 0
    print(f"{len(arguments.kinds)} kinds of attack on {arguments.model}, on {describe()}", flush=True)
    results = asyncio.run(measure(arguments))
    if arguments.json:
        arguments.json.write_text(json.dumps(report(results), indent=1) + "\n")
    last = {result.kind: result for result in results}
    bad = [kind for kind, result in last.items() if result.noticed]
    again = len(results) - len(last) - len(bad)
    print(f"{len(last) - len(bad)} of {len(last)} kinds went unnoticed, {again} of them when they were tried again")
    print("".join(f"noticed twice: {kind}\n" for kind in bad), end="")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
