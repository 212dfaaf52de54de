"""How many listeners can be served at once without gaps?

N simulated listeners arrive at random and play in real time; what each of them hears is counted.

    python -m benchmarks.scale.concurrency --streams 4 8 10 12 16
    python -m benchmarks.scale.concurrency --direct --find 10
    python -m benchmarks.scale.concurrency --direct --single
    python -m benchmarks.scale.concurrency --engines process --streams 20
    python -m benchmarks.scale.concurrency --auto 40 --seconds 90

Through the real service over gRPC, or with --direct the engine in this process. Texts are of 3 to 15 s; N callers
speak for --seconds. --find doubles or halves from a number on, then closes in on the largest N whose C100 is at least
99 %. --auto: N callers, more than fit, ask a service that finds by itself how many it lets in; told is how many these
were at the start and in the second half of --seconds, and what they heard. --single: one stream without pacing, whose
RTF says what taking turns would allow.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.support import charts, simulated_listener
from benchmarks.support.load_generator import Call, Direct, OverWire, Speaker, generate_load
from benchmarks.support.local_utterance import speak
from benchmarks.support.machine import describe, machine
from benchmarks.support.sample_statistics import summary
from benchmarks.support.service_process import service
from benchmarks.support.texts import texts
from benchmarks.support.watched_places import watched
from client import Client
from engine.engine import LocalEngine
from engine.loading import load
from engine.messages import Utterance
from engine.options import EngineOptions

TEXTS = tuple(texts(24))
TOKEN_S = 0.04  # of audio
CONTINUOUS = 0.99  # C100 of a number of streams that fits
SINGLES = 12  # utterances that RTF is measured on


def figures(calls: Sequence[Call], streams: int) -> dict[str, Any]:
    heard = [call for call in calls if call.arrivals]
    worst = [simulated_listener.listen(call.arrivals, follow_hints=True).worst_s for call in heard]
    lasted_s = max(call.ended_s for call in heard)
    audio_s = sum(simulated_listener.audio_s(call.arrivals) for call in heard)
    last_ready_s = max(call.began_s + call.arrivals[-1].ready_s for call in heard)
    return {
        "streams": streams,
        "utterances": len(heard),
        "refused": sum(call.refused for call in calls),
        "at_once": sum(call.ended_s - call.began_s for call in heard) / lasted_s,
        "ttfa_s": summary([simulated_listener.ttfa_s(call.arrivals) for call in heard]),
        "start_s": summary([simulated_listener.advised_start_s(call.arrivals) for call in heard]),
        "c50": simulated_listener.share_within(worst, 0.05),
        "c100": simulated_listener.share_within(worst, 0.1),
        "worst_s": max(worst),
        "audio_per_s": audio_s / last_ready_s,
        "t3_busy": sum(call.spoken.t3_s for call in heard) / last_ready_s,
        "flow_busy": sum(call.spoken.flow_s for call in heard) / last_ready_s,
        "tokens_per_window": audio_s / TOKEN_S / sum(call.spoken.windows for call in heard),
        "discarded": sum(call.spoken.discarded for call in heard) / sum(call.spoken.windows for call in heard),
    }


@contextlib.asynccontextmanager
async def speaker(arguments: argparse.Namespace, streams: int) -> AsyncIterator[Speaker]:
    if arguments.direct:
        options = EngineOptions(max_utterances=streams, **dict(arguments.option))
        engine = await asyncio.to_thread(load, arguments.model, options)
        try:
            yield Direct(engine, arguments.voice)
        finally:
            await asyncio.to_thread(engine.close)
        return
    with service(*_flags(arguments, "--max-utterances", str(streams))) as address:
        async with Client(address) as client:
            yield OverWire(client, arguments.voice)


def _flags(arguments: argparse.Namespace, *more: str) -> Sequence[str]:
    """Of the service. Engine servers that run already have flags of their own."""
    of_engines = () if ":" in arguments.engines else ("--model", arguments.model, *more)
    return ("--engines", arguments.engines, *of_engines)


async def measure(arguments: argparse.Namespace, streams: int) -> dict[str, Any]:
    async with speaker(arguments, streams) as serving:
        calls = await generate_load(serving, streams, arguments.seconds, TEXTS, arguments.seed)
    found = figures(calls, streams)
    print(line(found), flush=True)
    return found | {"calls": [asdict(call) for call in calls]}


async def admitted(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `auto` lets in, of more callers than fit."""
    half_s = arguments.seconds / 2
    with service(*_flags(arguments)) as address:
        async with Client(address) as client, watched(client) as places:
            calls = await generate_load(
                OverWire(client, arguments.voice), arguments.auto, arguments.seconds, TEXTS, arguments.seed
            )
    settled = [seen for seen in places.seen if half_s <= seen[0] < arguments.seconds]
    since = [call for call in calls if call.arrivals and call.began_s >= half_s]
    later = [simulated_listener.listen(call.arrivals, follow_hints=True).worst_s for call in since]
    found = figures(calls, arguments.auto) | {
        "places_at_start": places.seen[0][1],
        "places": statistics.median(seen[1] for seen in settled),
        "running": statistics.median(seen[2] for seen in settled),
        "later_c50": simulated_listener.share_within(later, 0.05),
        "later_c100": simulated_listener.share_within(later, 0.1),
    }
    print(line(found))
    print(
        f"auto, {arguments.auto} callers: {found['places_at_start']} let in at once at the start; from {half_s:g} to "
        f"{arguments.seconds:g} s {found['places']:g}, and {found['running']:g} ran (medians); of {len(later)} that "
        f"began then C50 {found['later_c50']:.1%}, C100 {found['later_c100']:.1%}; "
        f"{places.most_changes} changes in a minute at most"
    )
    return found


def line(found: dict[str, Any]) -> str:
    ttfa, start = found["ttfa_s"], found["start_s"]
    return (
        f"{found['streams']:4} streams ({found['at_once']:.1f} at once, {found['utterances']} utterances)  "
        f"TTFA p50 {1e3 * ttfa['p50']:.0f} p95 {1e3 * ttfa['p95']:.0f} p99 {1e3 * ttfa['p99']:.0f} ms  "
        f"starts p95 {1e3 * start['p95']:.0f} ms  C50 {found['c50']:.1%}  C100 {found['c100']:.1%}  "
        f"worst {1e3 * found['worst_s']:.0f} ms  {found['audio_per_s']:.1f} s of audio per s  "
        f"t3 {found['t3_busy']:.0%} flow {found['flow_busy']:.0%} busy  "
        f"{found['tokens_per_window']:.1f} tokens per window, {found['discarded']:.0%} discarded"
    )


def largest(fits: Callable[[int], bool], begin: int) -> int:
    """The largest number that fits, if what fits at N fits at less; 0 if none does."""
    low, high = 0, begin
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def single_rtf(engine: LocalEngine, voice: str) -> float:
    utterances = [Utterance(id=f"single-{index}", voice=voice, seed=index) for index in range(SINGLES)]
    pairs = zip(utterances, TEXTS, strict=False)
    return statistics.median(simulated_listener.rtf(speak(engine, one, text).arrivals) for one, text in pairs)


def picture(found: Sequence[dict[str, Any]], model: str) -> str:
    ordered = sorted(found, key=lambda one: one["streams"])

    def curve(label: str, value: Callable[[dict[str, Any]], float]) -> charts.Curve:
        return charts.Curve(label=label, points=tuple((float(one["streams"]), value(one)) for one in ordered))

    lines = [
        curve("C100", lambda one: float(one["c100"])),
        curve("C50", lambda one: float(one["c50"])),
        curve("TTFA p50, s", lambda one: float(one["ttfa_s"]["p50"])),
        curve("TTFA p95, s", lambda one: float(one["ttfa_s"]["p95"])),
    ]
    title = f"{model}: streams at once, each played in real time"
    return charts.curves(title, describe(), "streams", "share of utterances, seconds", lines, limit=CONTINUOUS)


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name.replace("-", "_"), json.loads(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--voice", default="")
    parser.add_argument("--streams", type=int, nargs="+", default=[4, 8, 12, 16])
    parser.add_argument("--find", type=int, metavar="N", help="look for the largest number that fits, from N on")
    parser.add_argument("--auto", type=int, metavar="N", help="how many of N callers the service lets in by itself")
    parser.add_argument("--single", action="store_true", help="one stream's RTF, nothing else")
    parser.add_argument("--seconds", type=float, default=60.0, help="callers begin no new utterance after that")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--direct", action="store_true", help="the engine in this process instead of a service")
    parser.add_argument("--engines", default="local", metavar="WHERE", help="of the service: local, process, addresses")
    parser.add_argument(
        "--option", type=_option, action="append", default=[], metavar="NAME=JSON", help="of the engine, with --direct"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    way = "direct" if arguments.direct else f"over gRPC, engines {arguments.engines}"
    print(f"{arguments.model} {way}, on {describe()}", flush=True)
    if arguments.single:
        engine = load(arguments.model, EngineOptions(max_utterances=1, **dict(arguments.option)))
        rtf = single_rtf(engine, arguments.voice)
        engine.close()
        print(f"RTF of one stream {rtf:.3f}: {1 / rtf:.1f} by taking turns, {1.2 / rtf:.1f} are asked for")
        return
    found: list[dict[str, Any]] = []

    def fits(streams: int) -> bool:
        found.append(asyncio.run(measure(arguments, streams)))
        return bool(found[-1]["c100"] >= CONTINUOUS)

    if arguments.auto:
        found.append(asyncio.run(admitted(arguments)))
    elif arguments.find:
        print(f"largest number that fits: {largest(fits, arguments.find)}")
    else:
        for streams in arguments.streams:
            fits(streams)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "model": arguments.model, "sweep": found}) + "\n")
    if arguments.svg:
        arguments.svg.write_text(picture(found, arguments.model), encoding="utf-8")


if __name__ == "__main__":
    main()
