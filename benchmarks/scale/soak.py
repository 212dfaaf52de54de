"""Does anything grow in ten minutes of one utterance, or when a client never reads?

It watches memory, and the cost of a second of audio.

    python -m benchmarks.scale.soak
    python -m benchmarks.scale.soak --minutes 3 --skip-stalled

Ten minutes of speech in one utterance, straight through the engine and as fast as it can: wall time per audio second of
the last minute against the second one, and the slope of resident memory from the third minute on. Then a client of a
service that sends five minutes of text and does not read, beside listeners who do: how much audio was made for it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import queue
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.scale.concurrency import TEXTS as CALLS
from benchmarks.support import simulated_listener
from benchmarks.support.load_generator import OverWire, generate_load
from benchmarks.support.local_utterance import LIMIT_S
from benchmarks.support.machine import describe, machine
from benchmarks.support.service_process import service
from benchmarks.support.texts import TEXTS
from client import Client
from engine.clock import now_ns
from engine.engine import LocalEngine
from engine.loading import load
from engine.messages import AudioChunk, Event, Failed, Finished, Utterance
from engine.options import EngineOptions

CHARS_PER_MINUTE = 840  # of English, about
STALLED_S = 20.0  # that the client does not read
BESIDE = 3  # listeners meanwhile


@dataclass
class Sampled:
    """What one long utterance looked like, chunk by chunk."""

    audio_s: list[float] = field(default_factory=list)  # so far
    wall_s: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)  # MB

    def cost(self, minute: int) -> float:
        """Wall seconds of an audio second in a minute of the speech, the first one being 1."""
        begin, end = (next(i for i, at in enumerate(self.audio_s) if at >= 60 * edge) for edge in (minute - 1, minute))
        return (self.wall_s[end] - self.wall_s[begin]) / (self.audio_s[end] - self.audio_s[begin])

    def slope(self, from_minute: int) -> float:
        """Growth of resident memory for each minute of speech, as a share, by least squares."""
        points = [(a / 60, r) for a, r in zip(self.audio_s, self.resident, strict=True) if a >= 60 * from_minute]
        mean_x, mean_y = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
        above = sum((x - mean_x) * (y - mean_y) for x, y in points)
        return above / sum((x - mean_x) ** 2 for x, _ in points) / mean_y


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def long_text(minutes: float) -> str:
    wanted, text = round(minutes * CHARS_PER_MINUTE), ""
    for sentence in itertools.cycle(TEXTS):
        if len(text) >= wanted:
            return text
        text += sentence + " "
    raise AssertionError("a cycle ends")


def soak(engine: LocalEngine, minutes: int) -> Sampled:
    """Speaks until there are so many minutes of audio."""
    arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
    sampled, samples, rate, began_ns = Sampled(), 0, engine.info().sample_rate, now_ns()
    engine.submit(Utterance(id="soak", seed=0), arrived.put)
    try:
        engine.push_text("soak", long_text(1.3 * minutes))
        engine.end_input("soak")
        while samples < 60 * rate * minutes:
            event = arrived.get(timeout=LIMIT_S)
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Finished):
                raise RuntimeError(f"the text gave {samples / rate:.0f} s of speech only")
            if isinstance(event, AudioChunk):
                engine.release("soak", event.num_samples)
                samples += event.num_samples
                sampled.audio_s.append(samples / rate)
                sampled.wall_s.append((now_ns() - began_ns) / 1e9)
                sampled.resident.append(resident_mb())
    finally:
        engine.cancel("soak")
    return sampled


async def stalled(model: str) -> dict[str, Any]:
    """One that does not read for STALLED_S, and listeners beside it."""
    with service("--model", model) as address:
        async with (
            Client(address) as client,
            Client(address, receive_capacity=1) as deaf,
            deaf.utterance(seed=0) as utterance,
        ):
            await utterance.push(long_text(5))
            await utterance.end()
            calls = await generate_load(OverWire(client), BESIDE, STALLED_S, CALLS, seed=0)
            reads_ns, held_s = now_ns(), 0.0
            async for chunk in utterance:
                if chunk.timings.vocoder_end_ns > reads_ns:
                    break
                held_s += chunk.duration_s
            limit = utterance.started.max_lead_s if utterance.started else 0.0
    worst = [simulated_listener.listen(call.arrivals, follow_hints=True).worst_s for call in calls if call.arrivals]
    return {
        "made_for_nobody_s": held_s,
        "max_lead_s": limit,
        "channel_s": EngineOptions().channel_s,
        "beside_utterances": len(worst),
        "beside_c100": simulated_listener.share_within(worst, 0.1),
        "beside_worst_s": max(worst),
    }


def report(sampled: Sampled, minutes: int) -> dict[str, Any]:
    second, last = sampled.cost(2), sampled.cost(minutes)
    return {
        "minutes": minutes,
        "second_minute_s_per_audio_s": round(second, 4),
        "last_minute_s_per_audio_s": round(last, 4),
        "ratio": round(last / second, 3),
        "resident_mb": round(sampled.resident[-1], 1),
        "memory_slope_per_minute": round(sampled.slope(min(2, minutes - 1)), 5),
        "windows": len(sampled.audio_s),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--skip-long", action="store_true")
    parser.add_argument("--skip-stalled", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    print(f"{arguments.model}, on {describe()}", flush=True)
    if not arguments.skip_long:
        engine = load(arguments.model, EngineOptions(max_utterances=1))
        found["long"] = report(soak(engine, arguments.minutes), arguments.minutes)
        engine.close()
        print("  ".join(f"{name} {value}" for name, value in found["long"].items()), flush=True)
    if not arguments.skip_stalled:
        found["stalled"] = asyncio.run(stalled(arguments.model))
        print("  ".join(f"{name} {value}" for name, value in found["stalled"].items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
