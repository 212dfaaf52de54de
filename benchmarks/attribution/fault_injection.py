"""Does the verdict name the hop that was delayed, with the right amount?

One step of one utterance at a time is delayed on purpose, and the verdict is asked.

    python -m benchmarks.attribution.fault_injection --trials 20            # 20 of each kind, as many clean ones
    python -m benchmarks.attribution.fault_injection --kinds t3,network_down --trials 5 --embedded
    python -m benchmarks.attribution.fault_injection --kinds others --shifts 0,3600,-3600 --trials 5

The service, its engine and a TCP relay run in processes of their own; the client plays to a device of ours in real
time. Sizes are 100 to 1500 ms, times are random, and in two of five trials the server's wall clock is off by 3 s. Every
trial is judged twice: by what the clean trials before it taught, and by the utterance alone. The kinds called `others`
do not strike once: many short blocks, a stage that is slow all the time, a network that jitters, is thin or stands
still for one connection only, text in words. Where what such a fault does is no single number, the hop alone is judged.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from benchmarks.attribution.fault_kinds import (
    KINDS,
    OTHERS,
    PACED_ONLY,
    SIZES_S,
    SLOW_CHUNKS,
    USUAL,
    Trial,
)
from benchmarks.support.fake_device import FakeDevice
from benchmarks.support.faulty_service import Service, faulty_service
from benchmarks.support.tcp_relay import Relay, relay
from client import Client
from client.attribution.baseline import Normal
from client.attribution.hops import Hop
from client.attribution.monitor import Monitor
from client.attribution.verdict import Analysis, analyse
from client.playback.player import Player
from client.utterance import Utterance

LEARN_FROM = 6  # clean trials in front, that teach what is normal
SHIFTS_S = (0.0, 0.0, 0.0, 3.0, -3.0)  # of the service's wall clock, trial by trial in turn
AMOUNT_SHARE, AMOUNT_MS = 0.10, 15.0
LATE_SHARE = 0.75  # of the time that speech is made: faults strike before


@dataclass(frozen=True)
class Outcome:
    kind: str
    hop: str
    size_ms: float
    shift_s: float
    struck: bool
    verdict: str
    ms: float
    audible: bool
    explained: float
    alone: str  # the verdict without anything learned
    alone_ms: float
    evidence: str

    def right(self, verdict: str, ms: float) -> tuple[bool, bool]:
        """The hop, the amount."""
        if self.hop == Hop.CLEAN or not KINDS[self.kind].measured:
            return verdict == self.hop, True
        error_ms = abs(ms - self.size_ms)
        return verdict == self.hop, error_ms <= max(AMOUNT_MS, AMOUNT_SHARE * self.size_ms)


async def run(kind: str, service: Service, network: Relay, after_s: float, for_s: float) -> tuple[Analysis, float]:
    """One utterance; and for how many seconds the fault struck."""
    device, fault = FakeDevice(), KINDS[kind]
    began_s = time.monotonic()
    async with Client(network.address) as client:
        trial = Trial(service, network, device, client, after_s, for_s)
        if fault.at_first:
            fault.order(trial)
        async with Player(24_000, cast(Any, device)) as player, Monitor(client) as monitor:
            if not fault.at_first:
                fault.order(trial)
            async with client.utterance() as utterance:
                await _speak(utterance, player, trial)
                blocked_s = trial.blocked_s
                if kind == "device":
                    await asyncio.sleep(max(0.0, after_s + for_s + 0.1 - (time.monotonic() - began_s)))
                log = player.log()
        network.reset()
        struck_s = for_s + fault.added_s
        if fault.on_server:
            struck_s = sum(seconds for _, seconds in service.struck())
        elif fault.in_client:
            struck_s = blocked_s
        return analyse(utterance.record, observations=monitor.observations(log), first_audible=0), struck_s


async def _speak(utterance: Utterance, player: Player, trial: Trial) -> None:
    began, slow_chunks = time.monotonic(), SLOW_CHUNKS if trial.chunk_s else 0
    pause_s = trial.listener_s

    async def write() -> None:
        for index, piece in enumerate(trial.pieces):
            await asyncio.sleep((trial.between_s if index else 0.0) + trial.writer_s * (index == trial.pause_at))
            await utterance.push(piece)
        await asyncio.sleep(trial.before_end_s)
        await utterance.end()

    writing = asyncio.create_task(write())
    async for chunk in utterance:
        if time.monotonic() - began > trial.after_s:
            await asyncio.sleep(pause_s + (trial.chunk_s if slow_chunks else 0.0))
            pause_s, slow_chunks = 0.0, max(0, slow_chunks - 1)
        await player.write(chunk.samples, received_ns=chunk.received_ns, prebuffer_hint_s=chunk.prebuffer_hint_s)
    await writing


def outcome(kind: str, shift_s: float, analysis: Analysis, normal: Normal, struck_s: float) -> Outcome:
    learned = _judge(analysis, normal)
    shares = [budget.explained for budget in learned.budgets]
    alone = analysis.verdict
    return Outcome(
        kind=kind,
        hop=KINDS[kind].hop,
        size_ms=round(struck_s * 1e3, 1),
        shift_s=shift_s,
        struck=struck_s > 0 or kind == "clean",
        verdict=learned.verdict.hop,
        ms=round(learned.verdict.ms, 1),
        audible=learned.verdict.audible,
        explained=round(min(shares, default=1.0), 4),
        alone=alone.hop,
        alone_ms=round(alone.ms, 1),
        evidence=learned.verdict.evidence,
    )


def _judge(analysis: Analysis, normal: Normal) -> Analysis:
    return analyse(analysis.record, observations=analysis.observations, first_audible=0, normal=normal)


async def measure(
    kinds: Sequence[str], trials: int, embedded: bool, seed: int, shifts: Sequence[float], show: bool
) -> list[Outcome]:
    draw = random.Random(seed)
    outcomes: list[Outcome] = []
    with contextlib.ExitStack() as stack:
        places: dict[float, tuple[Service, Relay]] = {}
        for shift_s in sorted(set(shifts)):
            service = stack.enter_context(faulty_service(embedded=embedded, clock_shift_s=shift_s))
            places[shift_s] = service, stack.enter_context(relay(service.address))
        clean = [(await run("clean", *places[shifts[0]], 0.0, 0.0))[0] for _ in range(LEARN_FROM)]
        normal = Normal.from_clean([analysis.run for analysis in clean])
        lasts_s = statistics.median(_made_s(analysis) for analysis in clean)
        for number in range(trials):
            for kind in kinds:
                shift_s = shifts[(number + kinds.index(kind)) % len(shifts)]
                last_s = 0.1 if kind == "t3_prefill" else LATE_SHARE * lasts_s
                size_s, after_s = draw.uniform(KINDS[kind].least_s, SIZES_S[1]), draw.uniform(0.0, last_s)
                analysis, struck_s = await run(kind, *places[shift_s], after_s, size_s)
                outcomes.append(outcome(kind, shift_s, analysis, normal, struck_s))
                if show:
                    print(_line(outcomes[-1]), flush=True)
    return outcomes


def _made_s(analysis: Analysis) -> float:
    """From the text to the last chunk."""
    record = analysis.record
    return (record.receipts[-1].received_ns - record.sent[0].sent_ns) / 1e9


def _line(one: Outcome) -> str:
    hop, amount = one.right(one.verdict, one.ms)
    alone_hop, alone_amount = one.right(one.alone, one.alone_ms)
    marks = "".join("." if good else "X" for good in (hop, amount, one.explained >= 0.95, alone_hop, alone_amount))
    return (
        f"{marks} {one.kind:<17}{one.size_ms:7.0f} ms  {one.verdict:<14}{one.ms:7.0f} ms  alone {one.alone:<14}"
        f"{one.alone_ms:7.0f} ms  {'heard ' if one.audible else ''}{'' if one.struck else 'DID NOT STRIKE '}"
        f"{one.evidence}"
    )


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    struck = [one for one in outcomes if one.struck]
    faulty = [one for one in struck if one.hop != Hop.CLEAN]

    def share(good: Sequence[bool]) -> float | None:
        return round(sum(good) / len(good), 4) if good else None

    return {
        "trials": len(struck),
        "hop_right": share([one.right(one.verdict, one.ms)[0] for one in struck]),
        "amount_right": share([one.right(one.verdict, one.ms)[1] for one in faulty]),
        "explained_95": share([one.explained >= 0.95 for one in struck]),
        "alone_hop_right": share([one.right(one.alone, one.alone_ms)[0] for one in struck]),
        "alone_amount_right": share([one.right(one.alone, one.alone_ms)[1] for one in faulty]),
        "by_kind": {
            kind: {
                "trials": len(group := [one for one in struck if one.kind == kind]),
                "hop_right": share([one.right(one.verdict, one.ms)[0] for one in group]),
                "amount_right": share([one.right(one.verdict, one.ms)[1] for one in group]),
            }
            for kind in dict.fromkeys(one.kind for one in struck)
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--trials", type=int, default=20, help="of each kind")
    parser.add_argument("--kinds", default="", help=f"comma-separated, or `others`; default: {', '.join(USUAL)}")
    parser.add_argument("--embedded", action="store_true", help="the embedded voice instead of the paced engine")
    parser.add_argument("--shifts", default="", help="seconds that the server's wall clock is off, trial by trial")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object, trials included")
    arguments = parser.parse_args()
    kinds = {"": list(USUAL), "others": list(OTHERS)}.get(arguments.kinds) or arguments.kinds.split(",")
    if arguments.embedded:
        kinds = [kind for kind in kinds if kind not in PACED_ONLY]
    shifts = [float(shift) for shift in arguments.shifts.split(",")] if arguments.shifts else SHIFTS_S
    trials, show = arguments.trials, not arguments.json
    outcomes = asyncio.run(measure(kinds, trials, arguments.embedded, arguments.seed, shifts, show))
    result = summary(outcomes)
    if arguments.json:
        print(json.dumps(result | {"outcomes": [asdict(one) for one in outcomes]}))
        return
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
