"""What does each possible cause of a late receipt look like: server loop, reader, audio device, network?

Each cause is produced on purpose, one at a time, and a picture is drawn of each.

    python -m benchmarks.attribution.latency_gap_causes --pictures docs/images

One utterance each, through the paced engine in a process of its own and a TCP relay, with the client's real reader and
a device in real time; 900 ms are put into one place. The device's opening is put where it hurts, on the loop that reads
(`original_client`), and where this client has it, before the request. Printed: what every chunk's way took, what the
verdict says, and the same utterance undisturbed. What is normal was learned from clean utterances before.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc

from benchmarks.attribution import fault_injection, fault_kinds, latency_gap_charts, original_client
from benchmarks.support.fake_device import FakeDevice
from benchmarks.support.faulty_service import Service, faulty_service
from benchmarks.support.tcp_relay import Relay, relay
from client.attribution.baseline import Normal
from client.attribution.verdict import Analysis, analyse
from gapless.tts.v1.tts_pb2_grpc import TextToSpeechServiceStub

FOR_S = 0.9
AFTER_S = 0.7  # from the request: a chunk or two are under way
LEARN_FROM = 4

Speak = Callable[[Service, Relay], Coroutine[Any, Any, Analysis]]


@dataclass(frozen=True)
class Suspect:
    title: str
    speak: Speak


def _injected(kind: str, for_s: float = FOR_S) -> Speak:
    async def speak(service: Service, network: Relay) -> Analysis:
        analysis, struck_s = await fault_injection.run(kind, service, network, AFTER_S, for_s)
        if for_s and not struck_s:
            raise RuntimeError(f"{kind} did not strike")
        return analysis

    return speak


def _opening_on_the_reading_loop(for_s: float) -> Speak:
    async def speak(service: Service, network: Relay) -> Analysis:
        async with grpc.aio.insecure_channel(network.address) as channel:
            stub = TextToSpeechServiceStub(channel)
            device = cast(Any, FakeDevice(for_s))
            record, observations = await original_client.speak(
                stub, network.address, device, "".join(fault_kinds.TEXT), 0
            )
        return analyse(record, observations=observations, first_audible=0)

    return speak


SUSPECTS = {
    "clean": Suspect("nothing put in", _injected("clean", 0.0)),
    "server-loop": Suspect("A: the server's event loop blocked for 900 ms", _injected("server_loop")),
    "reader": Suspect("B: the client's reader stalled for 900 ms", _injected("client_reader")),
    "device": Suspect("C: the device opens in 900 ms, on the loop that reads", _opening_on_the_reading_loop(FOR_S)),
    "device-before": Suspect("C, our client: the device opens in 900 ms, before the request", _injected("device_open")),
    "network": Suspect("D: the network stands still for 900 ms, towards the client", _injected("network_down")),
}


async def measure() -> dict[str, Analysis]:
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(faulty_service())
        network = stack.enter_context(relay(service.address))
        clean = [await SUSPECTS["clean"].speak(service, network) for _ in range(LEARN_FROM)]
        normal = Normal.from_clean([analysis.run for analysis in clean])
        found = {}
        for name, suspect in SUSPECTS.items():
            one = await suspect.speak(service, network)
            found[name] = analyse(one.record, observations=one.observations, first_audible=0, normal=normal)
        return found


def told(analysis: Analysis) -> dict[str, Any]:
    first = next((budget for budget in analysis.budgets if budget.name == "first_sound"), None)
    slowest = max((exchange.round_trip_ns for exchange in analysis.observations.exchanges), default=0)
    return {
        "verdict": analysis.verdict.sentence,
        "gaps_ms": [round((one.received_ns - one.write_start_ns) / 1e6, 1) for one in analysis.chunks],
        "made_to_sent_ms": [round((one.write_start_ns - one.made_ns) / 1e6, 1) for one in analysis.chunks],
        "first_sound_ms": round(first.total_ms, 1) if first else None,
        "silence_ms": round(sum(one.late_ns for one in analysis.chunks[1:] if one.late_ns > 0) / 1e6, 1),
        "slowest_clock_answer_ms": round(slowest / 1e6, 1),
        "least_explained": round(min((budget.explained for budget in analysis.budgets), default=1.0), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--pictures", type=Path, help="a directory: write one timeline for each suspect there")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = asyncio.run(measure())
    for name, analysis in found.items():
        print(SUSPECTS[name].title)
        for what, value in told(analysis).items():
            print(f"  {what:24}{value}")
        if arguments.pictures:
            picture = latency_gap_charts.timeline(analysis, SUSPECTS[name].title)
            (arguments.pictures / f"gap-{name}.svg").write_text(picture, encoding="utf-8")
    if arguments.json:
        facts = {name: told(analysis) for name, analysis in found.items()}
        arguments.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
