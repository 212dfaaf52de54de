"""Does every fault end in one clear place: its utterance, or the process, and is each caller told what to do?

    python -m benchmarks.faults.thirty_faults                     # all of them, some minutes
    python -m benchmarks.faults.thirty_faults --only flow_hangs,suspended

Each fault strikes a service of its own kind, one utterance of it where a fault can be somebody's own, beside a
neighbour who goes on listening. Told are the statuses that the struck one and the neighbour got, whether a later
utterance is spoken, and, where the process has to go, its exit status and how soon it was gone. Where Prometheus is
installed, it scrapes through all of it, one service after the other, and promtool looks at the metrics beside each
fault and after it. The exit status of this command is 1 if anything is not as benchmarks/faults/kinds.py expects, or if
there is anything to blame in the metrics.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.faults.kinds import KINDS, SOON_S, Kind, Trial
from benchmarks.faults.outcomes import Outcome, speak
from benchmarks.support.breakable_service import MARK, Breakable, breakable
from benchmarks.support.machine import describe, machine
from benchmarks.support.prometheus import Prometheus, Scraped, free_port, is_installed, prometheus
from client import Client
from client.errors import ClientError

FLAGS = ("--max-utterances", "6", "--idle-timeout", "6", "--drain-timeout", "15", "--log-level", "warning")
NEIGHBOUR = 2 * "This neighbour goes on to speak. He does not care what happens next door. All is as it was before. "
VICTIM = "This one is struck in the middle. It may not hear the end."
LIMIT_S = 60.0


@dataclass
class Seen:
    kind: str
    victims: list[Outcome] = field(default_factory=list)
    neighbour: Outcome | None = None
    later: Outcome | None = None  # None where the process was to go
    exit_status: int | None = None
    gone_s: float | None = None  # after the fault struck, or after the last call that had to be made for it
    wrong: list[str] = field(default_factory=list)


async def run(kind: Kind, name: str, running: Breakable, check: Callable[[], None]) -> Seen:
    """`check` looks at the metrics, if there are any."""
    seen = Seen(name)
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(running.address, resume_s=0)) for _ in range(2)]
        neighbour = asyncio.create_task(speak(clients[0], NEIGHBOUR, seed=1))
        await asyncio.sleep(0.5)
        trial = Trial(running, clients[1])
        await kind.strike(trial)
        struck_s = time.monotonic()
        for _ in range(kind.calls):
            began_s = time.monotonic()
            seen.victims.append(await kind.victim(trial, VICTIM, MARK))
            if kind.exit_status is None or seen.victims[-1].reason == "ENGINE_BROKEN":
                break
            struck_s = began_s if kind.calls > 1 else struck_s
        await asyncio.to_thread(check)
        if kind.then is not None:
            await kind.then(trial)
        if kind.exit_status is not None:
            seen.exit_status = await asyncio.to_thread(running.process.wait, LIMIT_S)
            seen.gone_s = time.monotonic() - struck_s
        seen.neighbour = await neighbour
        if kind.exit_status is None:
            running.order("forget")
            seen.later = await _later(running.address)
            await asyncio.to_thread(check)
    seen.wrong = kind.wrong(seen.victims, seen.neighbour, seen.later, seen.exit_status, seen.gone_s)
    return seen


def _no_check() -> None:
    pass


async def _later(address: str) -> Outcome:
    """Of another client, once the fault is over."""
    try:
        async with Client(address, resume_s=0) as client:
            return await speak(client, "And afterwards?", seed=2)
    except ClientError as error:
        return Outcome.of(error)


def line(seen: Seen) -> str:
    said = "; ".join(sorted({str(outcome) for outcome in seen.victims}))
    gone = "" if seen.gone_s is None else f"  process gone after {seen.gone_s:.1f} s with {seen.exit_status}"
    later = "" if seen.later is None else f"  later {seen.later}"
    mark = "ok   " if not seen.wrong else "WRONG"
    return f"{mark} {seen.kind:<22} {said}  neighbour {seen.neighbour}{later}{gone}" + "".join(
        f"\n      {what}" for what in seen.wrong
    )


def measure(names: list[str], flags: tuple[str, ...] = FLAGS, scraper: Prometheus | None = None) -> list[Seen]:
    """One process serves as many kinds as leave it standing."""
    found: list[Seen] = []
    waiting = list(names)
    check = scraper.check if scraper is not None else _no_check
    while waiting:
        with tempfile.TemporaryDirectory() as voices, breakable("--voices", voices, *flags) as running:
            while waiting and running.process.poll() is None:
                name = waiting.pop(0)
                found.append(asyncio.run(run(KINDS[name], name, running, check)))
                print(line(found[-1]), flush=True)
                if KINDS[name].spoils:
                    break
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--only", default=",".join(KINDS), help="names of faults, with commas")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"{arguments.model}, on {describe()}; a process that goes is gone within {SOON_S:g} s", flush=True)
    found, scraped = scraped_through(arguments.only.split(","), ("--model", arguments.model, *FLAGS))
    wrong = [seen.kind for seen in found if seen.wrong]
    print(f"{len(found)} faults, {len(found) - len(wrong)} ended as they should" + (f"; not: {wrong}" if wrong else ""))
    print(scraped or "Prometheus is not installed: nobody looked at the metrics")
    if arguments.json:
        seen = [asdict(one) for one in found]
        metrics = asdict(scraped) if scraped else None
        told = {"machine": machine(), "faults": seen, "metrics": metrics}
        arguments.json.write_text(json.dumps(told, indent=1) + "\n")
    return 1 if wrong or (scraped and scraped.blamed) else 0


def scraped_through(names: list[str], flags: tuple[str, ...] = FLAGS) -> tuple[list[Seen], Scraped | None]:
    """All services have their metrics on one port, one after the other."""
    if not is_installed():
        return measure(names, flags), None
    port = free_port()
    with prometheus(port) as scraper:
        return measure(names, (*flags, "--metrics-port", str(port)), scraper), scraper.scraped()


if __name__ == "__main__":
    sys.exit(main())
