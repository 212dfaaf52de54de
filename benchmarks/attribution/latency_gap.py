"""How long after the server's send does the client receive, and when does it sound?

This project and the pattern that it replaced speak the same utterances, in turns, in one run.

    python -m benchmarks.attribution.latency_gap --utterances 200
    python -m benchmarks.attribution.latency_gap --utterances 50 --cases ours original our-client our-service on-loop

Every service is a process of its own; each utterance goes through all cases, in turn, before the next one does. `ours`:
the service, and the client with its reader thread and its device opened before the request. `original`: inference in
`to_thread` inside the handler, chunks one after the other, one client loop that reads and opens the device
(`original_service`, `original_client`). The other cases mend or break one half. The device is `fake_device`, which
takes `--opening-ms` to open, or with `--device` PortAudio's default one.

A chunk's gap runs from the stamp immediately before the server hands it to gRPC to the stamp of whoever reads it in the
client. Both clocks are the machine's monotonic clock plus a constant of each process; how the constants differ is
measured by questions to the server's clock, and the error bound of that is printed with the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import grpc

from benchmarks.attribution import latency_gap_charts, original_client
from benchmarks.attribution.latency_gap_parts import SUSPECTS, Row, row
from benchmarks.attribution.original_service import original_service
from benchmarks.support.fake_device import BLOCK_S, FakeDevice
from benchmarks.support.machine import describe, machine
from benchmarks.support.sample_statistics import percentile
from benchmarks.support.service_process import service
from benchmarks.support.texts import TEXTS
from client import Client
from client._clock import ClockOffset
from client._transport.channels import Target
from client._transport.clock_probe import measure_clock
from client.attribution.baseline import Normal
from client.attribution.hops import Hop
from client.attribution.monitor import Monitor
from client.attribution.observations import Observations
from client.attribution.verdict import Analysis, analyse
from client.playback.device import load_sounddevice
from client.playback.player import Player
from client.record import Record
from gapless.tts.v1.tts_pb2_grpc import TextToSpeechServiceStub

OURS, ORIGINAL, ON_LOOP = "ours", "original", "on-loop"
PROBES = 200  # questions to each server's clock, before and after; the fastest answer counts
REST_S = 0.05  # between two utterances
WARM_SEED = 1 << 20
LEARN_FROM = 6  # utterances of ours, before the run, that teach what is normal
FIRST_SOUND_LIMIT_S = 10.0
BEYOND_DEVICE_MS = 10.0  # that the first sound may need, beyond a block and the stream's latency
TARGETS_MS = {50: 1.5, 99: 8.0}


@dataclass(frozen=True, kw_only=True)
class Case:
    title: str
    service: str  # OURS, ORIGINAL or ON_LOOP: inference on the event loop itself
    our_client: bool
    blocking_writes: bool = False


CASES = {
    "ours": Case(title="ours", service=OURS, our_client=True),
    "original": Case(title="the original pattern", service=ORIGINAL, our_client=False),
    "our-client": Case(title="original service, our client", service=ORIGINAL, our_client=True),
    "our-service": Case(title="our service, original client", service=OURS, our_client=False),
    "on-loop": Case(title="original, inference on the loop", service=ON_LOOP, our_client=False),
    "blocking-writes": Case(
        title="original, device by blocking writes", service=ORIGINAL, our_client=False, blocking_writes=True
    ),
}


class Bench:
    """Services, connections and devices of one run."""

    def __init__(self, cases: Sequence[str], opening_s: float, real_device: bool, keep: int) -> None:
        self.analyses: dict[str, Analysis] = {}  # of one utterance of each case, for pictures
        self._kinds = {CASES[name].service for name in cases}
        self._opening_s, self._real = opening_s, real_device
        self._keep = keep
        self._clocks: dict[str, ClockOffset] = {}
        self._normal: Normal | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            self._addresses = {kind: stack.enter_context(_started(kind)) for kind in sorted(self._kinds)}
            self._clients, self._stubs = {}, {}
            for kind, address in self._addresses.items():
                self._clients[kind] = await stack.enter_async_context(Client(address))
                channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
                self._stubs[kind] = TextToSpeechServiceStub(channel)
            await self.look_at_clocks()
            yield

    async def look_at_clocks(self) -> None:
        """The offsets do not change while the processes run: of all answers the fastest tells most."""
        for kind, address in self._addresses.items():
            found = await asyncio.to_thread(measure_clock, Target(address=address), PROBES, 5.0)
            self._clocks[kind] = min(found, self._clocks.get(kind, found), key=lambda clock: clock.error_ns)

    @property
    def clocks(self) -> dict[str, ClockOffset]:
        return self._clocks

    async def learn(self, texts: Sequence[str]) -> None:
        """What our way takes on this machine, with this device: the verdicts of all cases go by it."""
        spoken = [await self.analysis(OURS, text, WARM_SEED) for text in texts]
        self._normal = Normal.from_clean([one.run for one in spoken])

    async def utterance(self, name: str, text: str, seed: int) -> Row:
        analysis = await self.analysis(name, text, seed)
        if seed == self._keep:
            self.analyses[name] = analysis
        return row(analysis)

    async def analysis(self, name: str, text: str, seed: int) -> Analysis:
        case = CASES[name]
        clock = self._clocks[case.service]
        device = load_sounddevice() if self._real else cast(Any, FakeDevice(self._opening_s))
        if case.our_client:
            record, observations = await _speak(self._clients[case.service], device, text, seed)
        else:
            stub, address = self._stubs[case.service], self._addresses[case.service]
            record, observations = await original_client.speak(
                stub, address, device, text, seed, blocking_writes=case.blocking_writes
            )
        return analyse(record, clock, observations, first_audible=0, normal=self._normal)


def _started(kind: str) -> contextlib.AbstractContextManager[str]:
    return service() if kind == OURS else original_service(on_loop=kind == ON_LOOP)


async def _speak(client: Client, device: Any, text: str, seed: int) -> tuple[Record, Observations]:
    """As `client say` does, up to the last chunk and the first sound."""
    async with Player(client.server.native_sample_rate, device) as player, Monitor(client) as monitor:
        async with client.utterance(seed=seed, max_lead=0.0) as utterance:
            await utterance.push(text)
            await utterance.end()
            async for chunk in utterance:
                hint_s = chunk.prebuffer_hint_s
                await player.write(chunk.samples, received_ns=chunk.received_ns, prebuffer_hint_s=hint_s)
        give_up_s = time.monotonic() + FIRST_SOUND_LIMIT_S
        while player.started_ns is None and time.monotonic() < give_up_s:
            await asyncio.sleep(BLOCK_S)
        log = player.log()
    return utterance.record, monitor.observations(log)


async def measure(bench: Bench, cases: Sequence[str], utterances: int) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {name: [] for name in cases}
    async with bench.running():
        for name in cases:
            await bench.analysis(name, TEXTS[0], WARM_SEED)  # warm
        if OURS in cases:
            await bench.learn(TEXTS[1 : 1 + LEARN_FROM])
        for index in range(utterances):
            shift = index % len(cases)
            for name in (*cases[shift:], *cases[:shift]):
                rows[name].append(await bench.utterance(name, TEXTS[index % len(TEXTS)], index))
                await asyncio.sleep(REST_S)
        await bench.look_at_clocks()
    return rows


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    gaps = [gap for one in rows for gap in one.gaps]
    parts = [part for one in rows for part in one.by_suspect]
    ready = [one for one in rows if not one.needs_prebuffer and one.sound_after_receipt is not None]
    beyond = [cast(float, one.sound_after_receipt) - one.allowed for one in ready]
    hops = {hop for one in rows for hop in one.first_sound}
    return {
        "utterances": len(rows),
        "chunks": len(gaps),
        "gap_ms": shares(gaps),
        "first_chunk_gap_ms": shares([one.gaps[0] for one in rows]),
        "made_to_send_ms": shares([ms for one in rows for ms in one.to_send]),
        "mean_gap_ms": {name: round(sum(part.get(name, 0.0) for part in parts) / len(parts), 3) for name in SUSPECTS},
        "worst_gap_ms": {name: round(max(part.get(name, 0.0) for part in parts), 1) for name in SUSPECTS},
        "first_sound_ms": {
            hop.value: round(sum(one.first_sound.get(hop.value, 0.0) for one in rows) / len(rows), 2)
            for hop in Hop
            if hop.value in hops
        },
        "sound_after_receipt_ms": shares([cast(float, one.sound_after_receipt) for one in ready]) if ready else None,
        "beyond_block_and_latency_ms": shares(beyond) if beyond else None,
        "without_prebuffer": len(ready),
        "verdicts": dict(Counter(one.verdict for one in rows).most_common()),
        "least_explained": round(min(one.explained for one in rows), 4),
    }


def shares(values: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": round(percentile(values, share), 3) for share in (50, 90, 99, 100)}


def table(measured: dict[str, dict[str, Any]]) -> str:
    lines = [
        f"{'server sends -> client receives, ms a chunk':46}" + "".join(f"{f'p{p}':>9}" for p in (50, 90, 99, 100))
    ]
    for name, case in measured.items():
        lines.append(f"  {CASES[name].title:44}" + "".join(f"{ms:9.2f}" for ms in case["gap_ms"].values()))
    lines += ["", f"{'of it, mean ms a chunk':46}" + "".join(f"{name:>21}" for name in SUSPECTS)]
    for name, case in measured.items():
        lines.append(f"  {CASES[name].title:44}" + "".join(f"{ms:21.2f}" for ms in case["mean_gap_ms"].values()))
    lines.append("")
    for name, case in measured.items():
        lines.append(
            f"{CASES[name].title}: verdicts {case['verdicts']}, explained at least {case['least_explained']:.1%}"
        )
        lines.append("  text to first audible sample, mean ms: " + spoken(case["first_sound_ms"]))
        lines.append("  made to handed to gRPC: " + spoken(case["made_to_send_ms"]))
        if case["sound_after_receipt_ms"]:
            lines.append(
                f"  first sound after first receipt, {case['without_prebuffer']} utterances without pre-buffer: "
                f"{spoken(case['sound_after_receipt_ms'])}; beyond one block and the stream's latency: "
                f"{spoken(case['beyond_block_and_latency_ms'])} (allowed {BEYOND_DEVICE_MS:g})"
            )
    return "\n".join(lines)


def spoken(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.2f}" for name, value in values.items())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--utterances", type=int, default=200)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=["ours", "original"])
    parser.add_argument("--opening-ms", type=float, default=500.0, help="of the stand-in for a sound device")
    parser.add_argument("--device", action="store_true", help="PortAudio's default device instead of the stand-in")
    parser.add_argument("--json", type=Path, help="write everything there, every chunk included")
    parser.add_argument("--svg", type=Path, help="write a picture of the distributions there")
    parser.add_argument("--timelines", type=Path, help="a directory: write one timeline of each case there")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    bench = Bench(arguments.cases, arguments.opening_ms / 1e3, arguments.device, keep=arguments.utterances // 2)
    load_before = os.getloadavg()[0]
    rows = asyncio.run(measure(bench, arguments.cases, arguments.utterances))
    measured = {name: figures(of) for name, of in rows.items()}
    device = "PortAudio's default device" if arguments.device else f"a device that opens in {arguments.opening_ms:g} ms"
    print(f"{arguments.utterances} utterances, {device}, on {describe()}; load before {load_before:.2f}")
    for kind, clock in bench.clocks.items():
        print(f"clock of the {kind} service: {clock.offset_ns / 1e3:+.0f} us, within {clock.error_ns / 1e3:.0f} us")
    print("\n" + table(measured))
    if "ours" in measured:
        gap = measured["ours"]["gap_ms"]
        told = ", ".join(f"p{share} {gap[f'p{share}']:.2f} ms (at most {most:g})" for share, most in TARGETS_MS.items())
        print(f"\nours: {told}: {'met' if all(gap[f'p{p}'] <= most for p, most in TARGETS_MS.items()) else 'MISSED'}")
    if arguments.json:
        clocks = {kind: asdict(clock) for kind, clock in bench.clocks.items()}
        facts = {"machine": machine(), "load_before": load_before, "clocks": clocks, "cases": measured}
        utterances = {name: [asdict(one) for one in of] for name, of in rows.items()}
        arguments.json.write_text(json.dumps(facts | {"utterances": utterances}, indent=1) + "\n", encoding="utf-8")
    titles = {name: CASES[name].title for name in rows}
    if arguments.svg:
        means = {titles[name]: of["mean_gap_ms"] for name, of in measured.items()}
        gap_shares = {titles[name]: of["gap_ms"] for name, of in measured.items()}
        picture = latency_gap_charts.gaps(f"{arguments.utterances} utterances, {device}", means, gap_shares)
        arguments.svg.write_text(picture, encoding="utf-8")
    if arguments.timelines:
        for name, analysis in bench.analyses.items():
            picture = latency_gap_charts.timeline(analysis, CASES[name].title)
            (arguments.timelines / f"gap-{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
