"""Do the places follow a machine that gets slower and faster, before listeners hear it, and without swinging?

    python -m benchmarks.scale.changing_machine --scene confined          # all threads on one core for 30 s, and back
    python -m benchmarks.scale.changing_machine --scene outside --minutes 10
    python -m benchmarks.scale.changing_machine --scene busy_start

A service with --max-utterances auto, and more callers than fit. `confined`: each thread of the service may use one core
only, for a while; and again later, for longer, in the second half of which it makes what one core sustains. `outside`:
other processes come and go at random. `busy_start`: the service starts beside a process that is busy, which then ends;
the same start is measured in quiet. Told are the places over time with their reasons, C100 of those who were admitted,
and how often places changed within a minute. Where Prometheus is installed, it scrapes meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.support import simulated_listener
from benchmarks.support.load_generator import Call, OverWire, generate_load
from benchmarks.support.machine import describe, machine
from benchmarks.support.prometheus import Prometheus, free_port, is_installed, prometheus
from benchmarks.support.service_process import process
from benchmarks.support.texts import texts
from benchmarks.support.watched_places import Places, watched
from client import Client

TEXTS = tuple(texts(24))
SETTLES_S = 2.0  # after a change, before those who are admitted count
AUDIBLE_S = 0.1
BACK = 0.9  # of the places there were before
QUIET_S, BUSY_S = (3.0, 40.0), (3.0, 40.0)  # of an outside load, at random
LISTENERS = -10  # nice value: they are on other machines, where nothing here keeps them waiting
AFTERWARDS_S = 40.0  # on all cores again


def continuity(calls: Sequence[Call]) -> float:
    worst = [simulated_listener.listen(call.arrivals, follow_hints=True).worst_s for call in calls if call.arrivals]
    return simulated_listener.share_within(worst, AUDIBLE_S) if worst else float("nan")


def broken(calls: Sequence[Call]) -> list[tuple[float, float]]:
    """When each of those who heard a gap began, and how long it was."""
    worst = [
        (call, simulated_listener.listen(call.arrivals, follow_hints=True).worst_s) for call in calls if call.arrivals
    ]
    return [(round(call.began_s, 1), round(worst_s, 2)) for call, worst_s in worst if worst_s > AUDIBLE_S]


def audio_per_s(calls: Sequence[Call], since_s: float, until_s: float) -> float:
    """Audio that arrived in a time."""
    arrivals = [(call.began_s + one.ready_s, one.audio_s) for call in calls for one in call.arrivals]
    return sum(audio_s for at_s, audio_s in arrivals if since_s <= at_s < until_s) / (until_s - since_s)


def confine(pid: int, cores: Sequence[int]) -> None:
    """Each thread of a process."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task), cores)


def prioritise(nice: int) -> None:
    """Of this thread, and of those that it starts from now on; where that is allowed."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)


@contextlib.contextmanager
def busy_process() -> Iterator[subprocess.Popen[bytes]]:
    burning = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=partial(prioritise, 0))
    try:
        yield burning
    finally:
        burning.kill()
        burning.wait()


@contextlib.contextmanager
def served(model: str) -> Iterator[tuple[Client, subprocess.Popen[str], Prometheus | None]]:
    """A client that is not open yet, the service, and who scrapes it, if that is installed."""
    with contextlib.ExitStack() as stack:
        port = free_port()
        scraper = stack.enter_context(prometheus(port)) if is_installed() else None
        address, running = stack.enter_context(process("--model", model, "--metrics-port", str(port)))
        yield Client(address), running, scraper


async def confined(arguments: argparse.Namespace) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))
    full_s, back_s = arguments.before, arguments.before + arguments.seconds
    again_s = back_s + AFTERWARDS_S
    end_s = again_s + arguments.again
    with served(arguments.model) as (connection, running, scraper):
        async with connection as client, watched(client) as places, asyncio.TaskGroup() as group:
            speaking = group.create_task(
                generate_load(OverWire(client), arguments.callers, end_s, TEXTS, arguments.seed)
            )
            for for_s, some in ((full_s, 1), (arguments.seconds, 2), (AFTERWARDS_S, 1), (arguments.again, 2)):
                await asyncio.sleep(for_s)
                confine(running.pid, cores[:some])
        told = _told(places, scraper)
    calls = speaking.result()
    before = places.between(full_s - 5.0, full_s)[-1]
    later = [call for call in calls if full_s + SETTLES_S <= call.began_s < back_s]
    under_way = [call for call in calls if call.arrivals and call.began_s < full_s < call.began_s + _made_s(call)]
    heard = [simulated_listener.listen(call.arrivals, follow_hints=True) for call in under_way]
    regained = [at - back_s for at, number, _, _ in places.seen if back_s <= at < again_s and number >= BACK * before]
    made = audio_per_s(calls, full_s + SETTLES_S, back_s)
    settled_s = end_s - arguments.again / 2
    sustained = audio_per_s(calls, settled_s, end_s) if arguments.again else float("nan")
    return {
        "places_before": before,
        "places_confined": _runs(places.between(full_s + SETTLES_S, back_s)),
        "audio_per_s_confined": round(made, 1),
        "audio_per_s_of_one_core": round(sustained, 1),
        "share_of_it": round(made / sustained, 2),
        "c100_of_one_core": continuity([call for call in calls if settled_s <= call.began_s < end_s]),
        "c100_before": continuity([call for call in calls if call.began_s < full_s and call not in under_way]),
        "c100_admitted_later": continuity(later),
        "admitted_later": len([call for call in later if call.arrivals]),
        "broken_later": broken(later),
        "under_way": len(under_way),
        "under_way_broken": broken(under_way),
        "under_way_broken_inside": [round(one.inside, 2) for one in heard if one.inside > AUDIBLE_S],
        "back_after_s": round(regained[0], 1) if regained else None,
        **told,
    }


async def outside(arguments: argparse.Namespace) -> dict[str, Any]:
    chance, seconds = random.Random(arguments.seed), 60.0 * arguments.minutes
    with served(arguments.model) as (connection, _, scraper):
        prioritise(LISTENERS)
        async with connection as client, watched(client) as places, asyncio.TaskGroup() as group:
            speaking = group.create_task(
                generate_load(OverWire(client), arguments.callers, seconds, TEXTS, arguments.seed)
            )
            while not speaking.done() and (places.seen[-1][0] if places.seen else 0.0) < seconds:
                await asyncio.sleep(chance.uniform(*QUIET_S))
                with busy_process():
                    await asyncio.sleep(chance.uniform(*BUSY_S))
        told = _told(places, scraper)
    calls = speaking.result()
    utterances = sum(bool(call.arrivals) for call in calls)
    return {"c100": continuity(calls), "utterances": utterances, "broken": broken(calls), **told}


async def busy_start(arguments: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        burning = stack.enter_context(busy_process())
        connection, _, scraper = stack.enter_context(served(arguments.model))
        prioritise(LISTENERS)
        burning.kill()
        async with connection as client, watched(client) as places:
            calls = await generate_load(OverWire(client), arguments.callers, 60.0, TEXTS, arguments.seed)
        found |= {"places_at_start": places.seen[0][1], "places_after_60_s": places.between(0.0, 60.0)[-1]}
        found |= {"c100": continuity(calls), **_told(places, scraper)}
    prioritise(0)
    with process("--model", arguments.model) as (address, _):
        async with Client(address) as client:
            found["places_of_a_quiet_start"] = client.server.limits.max_utterances
    return found


def _made_s(call: Call) -> float:
    """How long it took to make, and to send, all of it."""
    return call.arrivals[-1].ready_s


SCENES = {"confined": confined, "outside": outside, "busy_start": busy_start}


def _runs(numbers: Sequence[int]) -> list[int]:
    """Each number once for as long as it stays."""
    return [number for number, _ in itertools.groupby(numbers)]


def _told(places: Places, scraper: Prometheus | None) -> dict[str, Any]:
    """While the service stands."""
    changes = [(round(at, 1), number, reason) for at, number, reason in places.changes]
    metrics = "Prometheus is not installed"
    if scraper is not None:
        scraper.check()
        metrics = str(scraper.scraped())
    return {"most_changes_in_a_minute": places.most_changes, "metrics": metrics, "changes": changes}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--scene", choices=SCENES, default="confined")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--callers", type=int, default=40, help="more than fit")
    parser.add_argument("--before", type=float, default=60.0, help="seconds on all cores, for places to settle")
    parser.add_argument("--seconds", type=float, default=30.0, help="on one core")
    parser.add_argument("--again", type=float, default=60.0, help="seconds on one core, later")
    parser.add_argument("--minutes", type=float, default=10.0, help="of random load")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"{arguments.model}, {arguments.scene}, {arguments.callers} callers, on {describe()}", flush=True)
    found = asyncio.run(SCENES[arguments.scene](arguments))
    for name, value in found.items():
        if name != "changes":
            print(f"{name:<26} {value}")
    for at, number, reason in found["changes"]:
        print(f"  {at:6.1f} s  {number:3}  {reason}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), arguments.scene: found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
