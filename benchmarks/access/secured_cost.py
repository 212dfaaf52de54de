"""What do TLS and a token cost: in the time to the first sound, and in callers at once?

    python -m benchmarks.access.secured_cost --pairs 20
    python -m benchmarks.access.secured_cost --pairs 0 --streams 12 14 --rounds 2 --seconds 20

Two services of the same model, one in plain text without tokens and one with TLS and tokens, take turns: the same text
and seed at each, over connections that are open. With --streams so many simulated listeners speak for --seconds to one
service and then to the other; what each of them hears is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.access.secured_service import secured_service
from benchmarks.support.load_generator import Call, OverWire, generate_load
from benchmarks.support.machine import describe, machine
from benchmarks.support.sample_statistics import percentile
from benchmarks.support.service_process import service
from benchmarks.support.simulated_listener import listen, share_within, ttfa_s
from benchmarks.support.texts import TEXTS, texts
from client import Client
from client.report.metrics import ttfa_ms

WARM_UP = 5  # utterances at each service that are not counted
PAUSE_S = 0.05  # between two utterances
LOAD_TEXTS = tuple(texts(24))
Clients = dict[str, Client]


async def first_sound_ms(client: Client, number: int) -> float:
    async with client.utterance(seed=number, max_lead=0) as utterance:
        await utterance.push(TEXTS[number % len(TEXTS)])
        await utterance.end()
        async for _ in utterance:
            pass
        took = ttfa_ms(utterance.record, None)
    assert took is not None
    await asyncio.sleep(PAUSE_S)
    return took


async def in_pairs(clients: Clients, pairs: int) -> dict[str, list[float]]:
    """Each pair begins with the other service."""
    took: dict[str, list[float]] = {name: [] for name in clients}
    for number in range(-WARM_UP, pairs):
        for name in list(clients) if number % 2 else reversed(clients):
            value = await first_sound_ms(clients[name], abs(number))
            if number >= 0:
                took[name].append(value)
    return took


def figures(calls: Sequence[Call]) -> dict[str, float]:
    heard = [call for call in calls if call.arrivals]
    worst = [listen(call.arrivals, follow_hints=True).worst_s for call in heard]
    first = [1e3 * ttfa_s(call.arrivals) for call in heard]
    return {
        "utterances": len(heard),
        "refused": sum(call.refused for call in calls),
        "ttfa_p50_ms": round(percentile(first, 50), 1),
        "ttfa_p95_ms": round(percentile(first, 95), 1),
        "c50": round(share_within(worst, 0.05), 4),
        "c100": round(share_within(worst, 0.1), 4),
    }


async def loads(clients: Clients, streams: int, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    calls: dict[str, list[Call]] = {name: [] for name in clients}
    for seed in range(rounds):
        for name in list(clients) if seed % 2 else reversed(clients):
            calls[name] += await generate_load(OverWire(clients[name]), streams, seconds, LOAD_TEXTS, seed)
    return {name: figures(one) for name, one in calls.items()}


async def measure(clients: Clients, arguments: argparse.Namespace) -> dict[str, Any]:
    async with contextlib.AsyncExitStack() as stack:
        for client in clients.values():
            await stack.enter_async_context(client)
        return {
            "machine": machine(),
            "ttfa_ms": await in_pairs(clients, arguments.pairs),
            "crowds": {
                streams: await loads(clients, streams, arguments.rounds, arguments.seconds)
                for streams in arguments.streams
            },
        }


def told(measured: dict[str, Any]) -> list[str]:
    plain, secured = measured["ttfa_ms"]["plain"], measured["ttfa_ms"]["TLS and token"]
    lines = []
    if plain:
        differences = [ours - theirs for ours, theirs in zip(secured, plain, strict=True)]
        lines = [
            f"TTFA p50 of {len(plain)} pairs: plain {statistics.median(plain):.1f} ms, TLS and token "
            f"{statistics.median(secured):.1f} ms; of each pair {statistics.median(differences):+.1f} ms at the median"
        ]
    for streams, both in measured["crowds"].items():
        lines += [f"{streams} callers, {name}: {one}" for name, one in both.items()]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--streams", type=int, nargs="*", default=[], metavar="N")
    parser.add_argument("--rounds", type=int, default=2, help="of each service and number of callers")
    parser.add_argument("--seconds", type=float, default=20.0, help="in which callers begin to speak")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    most = ("--max-utterances", str(max([1, *arguments.streams])))
    with service(*most) as address, secured_service(*most) as secured:
        clients = {"plain": Client(address), "TLS and token": secured.client()}
        measured = asyncio.run(measure(clients, arguments))
    if arguments.json:
        print(json.dumps(measured))
    else:
        print("\n".join([f"on {describe()}", *told(measured)]))


if __name__ == "__main__":
    main()
