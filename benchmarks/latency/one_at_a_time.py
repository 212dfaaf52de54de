"""What are TTFA, RTF and the gaps between chunks of utterances that are spoken one at a time?

A client on the same machine speaks N utterances over gRPC.

    python -m benchmarks.latency.one_at_a_time --utterances 40

Warm service, connected channel, each text at once with the end of input, no pacing (`max_lead` 0). TTFA: from sending
the text to having received 40 ms of audio. A chunk's gap: how much later it came than the audio before it lasts,
counted from the first chunk; negative is spare time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.support.machine import describe, machine
from benchmarks.support.sample_statistics import percentile
from benchmarks.support.service_process import service
from benchmarks.support.texts import LONG_TEXT, TEXTS
from client import Client
from client.record import Receipt, Record
from client.report.metrics import rtf, ttfa_ms

FULL_WINDOW_TOKENS = 25  # windows of this size are compared over a long utterance


@dataclass(frozen=True)
class Figures:
    ttfa_ms: float
    rtf: float
    audio_s: float
    worst_gap_ms: float


def figures(record: Record) -> Figures:
    measured_ttfa, measured_rtf = ttfa_ms(record, None), rtf(record)
    assert measured_ttfa is not None
    assert measured_rtf is not None
    return Figures(measured_ttfa, measured_rtf, record.audio_s, max(gaps_ms(record.receipts, record.sample_rate)))


def gaps_ms(receipts: Sequence[Receipt], sample_rate: int) -> list[float]:
    first = receipts[0].received_ns
    return [(r.received_ns - first) / 1e6 - 1e3 * r.first_sample / sample_rate for r in receipts[1:]] or [0.0]


def window_costs_ms(record: Record) -> list[float]:
    """Flow and vocoder time of each full window, in order."""
    full = [r.timings for r in record.receipts if r.timings.window_tokens == FULL_WINDOW_TOKENS]
    return [(t.vocoder_end_ns - t.flow_start_ns) / 1e6 for t in full]


async def run(address: str, utterances: int, voice: str, long: bool) -> dict[str, object]:
    async with Client(address) as client:
        done = []
        for index in range(utterances):
            done.append(figures(await say(client, TEXTS[index % len(TEXTS)], voice, seed=index)))
            await asyncio.sleep(0.05)
        result: dict[str, object] = {
            "utterances": utterances,
            "ttfa_ms": summary([item.ttfa_ms for item in done]),
            "rtf": summary([item.rtf for item in done]),
            "worst_gap_ms": summary([item.worst_gap_ms for item in done]),
            "audio_s": round(sum(item.audio_s for item in done), 2),
            "machine": machine(),
        }
        if long:
            record = await say(client, LONG_TEXT, voice, seed=0)
            costs = window_costs_ms(record)
            quarter = len(costs) // 4
            result["long_utterance"] = {
                "audio_s": round(record.audio_s, 2),
                "rtf": round(rtf(record) or 0.0, 3),
                "full_windows": len(costs),
                "first_quarter_window_ms": round(statistics.median(costs[:quarter]), 2),
                "last_quarter_window_ms": round(statistics.median(costs[-quarter:]), 2),
            }
        return result


async def say(client: Client, text: str, voice: str, seed: int) -> Record:
    async with client.utterance(voice=voice, seed=seed, max_lead=0) as utterance:
        await utterance.push(text)
        await utterance.end()
        async for _ in utterance:
            pass
        return utterance.record


def summary(values: Sequence[float]) -> dict[str, float]:
    figures = {"p50": percentile(values, 50), "p95": percentile(values, 95), "max": max(values)}
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--address", help="a running service; without it one is started for the benchmark")
    parser.add_argument("--utterances", type=int, default=40)
    parser.add_argument("--voice", default="")
    parser.add_argument("--no-long", action="store_true", help="leave the one-minute utterance out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        address = arguments.address or stack.enter_context(service())
        result = asyncio.run(run(address, arguments.utterances, arguments.voice, not arguments.no_long))
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"{result['utterances']} utterances, {result['audio_s']} s of audio, on {describe()}")
    for name in ("ttfa_ms", "rtf", "worst_gap_ms", "long_utterance"):
        if name in result:
            print(f"{name:>16}: " + "  ".join(f"{key} {value}" for key, value in result[name].items()))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
