"""How fast are the published model sizes on a GPU, and how many streams fit?

It compares the device with the CPU, stage by stage; measures a step of T3 beside the least time that it could take,
windows of the flow and the vocoder, alone and together, and the first audio of many streams at once. It begins nothing
new after `--limit` minutes, so that one command is one visit to a machine that is paid by the minute.

    python -m benchmarks.latency.gpu --json gpu.json --svg gpu.svg
    python -m benchmarks.latency.gpu --variants turbo --streams 1 8 --find 0
    python -m benchmarks.latency.gpu --device cpu --size tiny --streams 1 2 --seconds 2 --find 0  # a rehearsal

Weights are random, of the true shapes, in the published file layout; missing directories are written first (2 to 3 GB
each). They never say stop: every segment has `--tokens` speech tokens. Streams are callers of the engine in this
process, arriving at random, each heard in real time; nothing of the network is in these figures. The floor of a step
is the bytes of weights, keys and values that it reads over the bandwidth at which the device copies. The largest number
that fits is the largest whose C100 is at least 99 %. At last the device is made to die (gpu_dead.py). Peers' figures
come from other hardware and by other definitions.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.latency import gpu_agreement, gpu_dead, gpu_windows, t3_step
from benchmarks.latency.reported_elsewhere import PEERS
from benchmarks.scale import concurrency
from benchmarks.support import charts, random_checkpoint
from benchmarks.support.load_generator import Direct, generate_load
from benchmarks.support.machine import describe, machine
from benchmarks.support.model_forms import endless
from benchmarks.support.texts import TEXTS
from engine.checkpoints import load
from engine.checkpoints.variants import VARIANTS
from engine.device.choice import find_device, warn_if_never_run
from engine.device.device import CPU
from engine.device.precision import Precision
from engine.engine import LocalEngine
from engine.errors import GaplessError, InvalidConfig
from engine.loading import warm_up
from engine.model import Model
from engine.options import EngineOptions

SHOWN = ("CosyVoice2 + DiT, Triton", "nanovllm-voxcpm")  # peers in the picture
AIMS_MS = {("turbo", 1, "p50"): 45.0, ("turbo", 64, "p95"): 150.0, ("base", 1, "p50"): 150.0}  # of the first audio
AIM_FLOOR = 2.0  # times the floor that a step takes
AIM_STREAMS = {"turbo": 200, "base": 80}


def stored(variant: str, arguments: argparse.Namespace) -> Path:
    directory: Path = arguments.checkpoints / (variant if arguments.size == "full" else f"{arguments.size}-{variant}")
    return directory


def opened(variant: str, arguments: argparse.Namespace, device: torch.device, dtype: str) -> Model:
    directory = stored(variant, arguments)
    if not directory.exists():
        random_checkpoint.write(VARIANTS[variant], directory, arguments.size)
    model = load(str(directory), device=device, precision=Precision.parse(dtype, device))
    return endless(model, arguments.tokens)


def steps(model: Model, rows: Sequence[int]) -> Iterator[t3_step.Figures]:
    """A step of every number of rows, launched and, on a GPU, as a graph."""
    print(t3_step.COLUMNS)
    for count in rows:
        for capture in t3_step.captures(model.device):
            figures = t3_step.measure(model.t3, model.config.variant, model.precision.t3, count, capture)
            print(t3_step.row_of(figures), flush=True)
            yield figures


def stream(model: Model, count: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """What `count` listeners hear; an `error` instead where so many are more than the device's memory holds."""
    options = EngineOptions(max_utterances=count, device=str(model.device), graphs=not arguments.no_graphs)
    try:
        with contextlib.closing(LocalEngine(model, options)) as engine:
            warm_up(engine, model.config.default_voice)
            calls = asyncio.run(generate_load(Direct(engine), count, arguments.seconds, TEXTS, arguments.seed))
    except (torch.OutOfMemoryError, GaplessError, ExceptionGroup) as error:
        print(f"{model.config.variant:>7} {count:4} streams: {error}", flush=True)
        return {"streams": count, "c100": 0.0, "error": f"{error}"}
    found = concurrency.figures(calls, count)
    print(f"{model.config.variant:>7} {concurrency.line(found)}", flush=True)
    return found


class Clock:
    """The time that the whole command has."""

    def __init__(self, limit_s: float) -> None:
        self._end_s = time.monotonic() + limit_s

    def allows(self, what: str) -> bool:
        is_left = time.monotonic() < self._end_s
        if not is_left:
            print(f"{what}: left out, the time is up", flush=True)
        return is_left


def compared(model: Model, variant: str, arguments: argparse.Namespace) -> dict[str, float]:
    found = gpu_agreement.agreement(model, opened(variant, arguments, CPU, "float32"))
    model.precision.set_up(model.device)
    print(f"{variant:>7} beside the CPU: {found}", flush=True)
    return asdict(found)


def measure(variant: str, arguments: argparse.Namespace, device: torch.device, clock: Clock) -> dict[str, Any]:
    model = opened(variant, arguments, device, arguments.dtype)
    found = compared(model, variant, arguments) if clock.allows(f"{variant} beside the CPU") else None
    windows = []
    for one in gpu_windows.windows(model, arguments.windows) if clock.allows(f"{variant}, windows") else ():
        print(f"{variant:>7} {one}", flush=True)
        windows.append(asdict(one))
    most, guided = max(arguments.streams), model.config.t3.guidance
    rows = sorted({1, most} | {2 * count if guided else count for count in arguments.streams})
    stepped = [asdict(figures) for figures in steps(model, rows if clock.allows(f"{variant}, steps") else ())]
    by_count: dict[int, dict[str, Any]] = {}
    for count in arguments.streams:
        if clock.allows(f"{variant}, {count} streams"):
            by_count[count] = stream(model, count, arguments)

    def fits(count: int) -> bool:
        if count > arguments.find:
            return False
        if count not in by_count:
            if not clock.allows(f"{variant}, {count} streams"):
                return False
            by_count[count] = stream(model, count, arguments)
        return bool(by_count[count]["c100"] >= concurrency.CONTINUOUS)

    begin = max((count for count in by_count if fits(count)), default=1)
    fitting = concurrency.largest(fits, begin) if arguments.find else None
    return {
        "variant": variant,
        "agreement": found,
        "windows": windows,
        "steps": stepped,
        "streams": list(by_count.values()),
        "largest": fitting,
    }


def verdicts(found: Sequence[dict[str, Any]]) -> list[str]:
    """Each aim beside what was measured."""
    lines = []
    for one in found:
        name = one["variant"]
        heard = {s["streams"]: s["ttfa_s"] for s in one["streams"] if "ttfa_s" in s}
        for (variant, count, part), aim_ms in AIMS_MS.items():
            if variant == name and count in heard:
                found_ms = 1e3 * heard[count][part]
                lines.append(
                    f"{name}: first audio of {count} streams {part} {found_ms:.0f} ms, the aim is {aim_ms:.0f}"
                )
        if not one["steps"]:
            continue
        best = min(one["steps"], key=lambda step: (step["rows"], step["step_ms"]))
        times = best["step_ms"] / best["floor_ms"]
        lines.append(f"{name}: a step takes {times:.1f} x its floor at {best['rows']} rows, the aim is {AIM_FLOOR:.0f}")
        if one["largest"] is not None:
            aim = f", the aim is more than {AIM_STREAMS[name]}" if name in AIM_STREAMS else ""
            lines.append(f"{name}: {one['largest']} streams with C100 >= {concurrency.CONTINUOUS:.0%}{aim}")
    return lines


def peers() -> list[str]:
    lines = ["others, on other hardware and by other definitions:"]
    for peer in PEERS:
        first = ", ".join(f"{ms:g} ms @{count}" for count, ms in peer.first_audio_ms.items())
        fitting = f"{peer.streams} streams" if peer.streams else ""
        figures = "; ".join(filter(None, (f"{peer.statistic} {first}" if first else "", fitting)))
        lines.append(f"  {peer.name}, {peer.hardware}: {figures} ({peer.source})")
    return lines


def picture(found: Sequence[dict[str, Any]], subtitle: str) -> str:
    def across(count: int) -> float:
        return math.log2(count)

    ours = [
        charts.Curve(
            label=f"{one['variant']} p50",
            points=tuple(
                (across(s["streams"]), 1e3 * s["ttfa_s"]["p50"])
                for s in sorted(one["streams"], key=lambda s: s["streams"])
                if "ttfa_s" in s
            ),
        )
        for one in found
    ]
    theirs = [
        charts.Curve(
            label=f"{peer.name}, {peer.hardware}",
            points=tuple((across(count), ms) for count, ms in peer.first_audio_ms.items()),
        )
        for peer in PEERS
        if peer.name in SHOWN
    ]
    return charts.curves("First audio of many streams at once", subtitle, "log2 of streams", "ms", ours + theirs)


def facts(device: torch.device) -> dict[str, str | int]:
    if device.type != "cuda":
        return machine()
    properties = torch.cuda.get_device_properties(device)
    return machine() | {"gpu": properties.name, "gpu_bytes": properties.total_memory}


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--device", help="by default a CUDA device, which must be there; cpu tries the command out")
    parser.add_argument("--dtype", default="", help="as the service takes it; by default the device's")
    parser.add_argument("--variants", nargs="+", default=["turbo", "nano", "base"], choices=sorted(VARIANTS))
    parser.add_argument("--size", choices=("full", "tiny"), default="full")
    parser.add_argument("--checkpoints", type=Path, default=Path("out/checkpoints"), help="one directory a variant")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32, 64, 128, 250])
    parser.add_argument("--find", type=int, default=512, metavar="N", help="look for the largest number up to N; 0: no")
    parser.add_argument("--tokens", type=int, default=125, help="of every segment: 25 are a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="callers begin no new utterance after that")
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 8, 32], help="of the flow, at once")
    parser.add_argument("--limit", type=float, default=7.0, metavar="MINUTES", help="begin nothing new after that")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-graphs", action="store_true", help="launch every operation of a step by itself")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args(given)
    try:
        device = find_device(arguments.device or "cuda")
    except InvalidConfig:
        parser.error("there is no CUDA device on this machine; --device cpu --size tiny tries the command out")
    gpu = facts(device)
    subtitle = f"random weights of {arguments.size} size, on {gpu.get('gpu', 'no GPU')}, {describe()}"
    print(subtitle, flush=True)
    warn_if_never_run(device)
    clock = Clock(60 * arguments.limit)
    found = [measure(variant, arguments, device, clock) for variant in arguments.variants]
    dead = None
    if clock.allows("a dead device"):
        dead = gpu_dead.provoked(stored(arguments.variants[0], arguments), device)
        print(dead, flush=True)
    print("\n".join([*verdicts(found), *peers()]))
    if arguments.json:
        report = {"machine": gpu, "tokens": arguments.tokens, "variants": found, "dead": dead and asdict(dead)}
        report |= {"peers": [asdict(p) for p in PEERS]}
        arguments.json.write_text(json.dumps(report) + "\n", encoding="utf-8")
    if arguments.svg:
        arguments.svg.write_text(picture(found, subtitle), encoding="utf-8")


if __name__ == "__main__":
    main()
