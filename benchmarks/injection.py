"""Does the verdict name the right hop? Delays one hop of one utterance at a time and asks.

    python -m benchmarks.injection --trials 20            # 20 of each kind, as many clean ones
    python -m benchmarks.injection --kinds t3,network_down --trials 5 --embedded

The service, its engine and a TCP relay run in processes of their own; the client plays to a device of ours in real
time. Sizes are 100 to 1500 ms, times are random, and in two of three services the wall clock is off by 3 s. Every trial
is judged twice: by what the clean trials before it taught, and by the utterance alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from benchmarks.fake_device import FakeDevice
from benchmarks.faulty_service import Service, faulty_service
from benchmarks.relay import DOWN, UP, Relay, relay
from client import Client
from client.hops import Hop
from client.normal import Normal
from client.player import Player
from client.utterance import Utterance
from client.verdict import Analysis, analyse

TEXT = ("One sentence goes out to be spoken. ", "The second one follows it at once. ")
SIZES_S = (0.1, 1.5)
LEARN_FROM = 6  # clean trials in front, that teach what is normal
SHIFTS_S = (0.0, 0.0, 0.0, 3.0, -3.0)  # of the service's wall clock, trial by trial in turn
AMOUNT_SHARE, AMOUNT_MS = 0.10, 15.0
LATE_SHARE = 0.75  # of the time that speech is made: faults strike before


@dataclass(frozen=True)
class Kind:
    hop: Hop
    order: Callable[[Trial], None]


@dataclass
class Trial:
    """One utterance and what is done to it."""

    service: Service
    network: Relay
    device: FakeDevice
    client: Client
    after_s: float
    for_s: float
    pause_s: tuple[float, float] = (0.0, 0.0)  # of the writer, of the listener
    true_ms: float | None = None  # where it is not `for_s`

    def at(self, loop: asyncio.AbstractEventLoop) -> None:
        """Blocks a loop of this process."""
        loop.call_soon_threadsafe(loop.call_later, self.after_s, time.sleep, self.for_s)


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
        if self.hop == Hop.CLEAN:
            return verdict == Hop.CLEAN, True
        error_ms = abs(ms - self.size_ms)
        return verdict == self.hop, error_ms <= max(AMOUNT_MS, AMOUNT_SHARE * self.size_ms)


def _arm(stage: str) -> Callable[[Trial], None]:
    return lambda trial: trial.service.arm(stage, after_s=trial.after_s, for_s=trial.for_s)


def _stall(way: str) -> Callable[[Trial], None]:
    return lambda trial: trial.network.stall(way, after_s=trial.after_s, for_s=trial.for_s)


def _delay(*ways: str) -> Callable[[Trial], None]:
    def order(trial: Trial) -> None:
        for way in ways:
            trial.network.delay(way, trial.for_s / len(ways))

    return order


def _block_reader(trial: Trial) -> None:
    assert trial.client._reader is not None
    trial.at(trial.client._reader._loop)


def _slow_opening(trial: Trial) -> None:
    trial.device.open_s += trial.for_s


def _pause_writer(trial: Trial) -> None:
    trial.pause_s = (trial.for_s, 0.0)


def _pause_listener(trial: Trial) -> None:
    trial.pause_s = (0.0, trial.for_s)


KINDS = {
    "clean": Kind(Hop.CLEAN, lambda trial: None),
    "server_loop": Kind(Hop.SERVER_LOOP, _arm("server_loop")),
    "client_reader": Kind(Hop.CLIENT_READER, _block_reader),
    "client_loop": Kind(Hop.CLIENT_LOOP, lambda trial: trial.at(asyncio.get_running_loop())),
    "device_open": Kind(Hop.DEVICE_OPEN, _slow_opening),
    "network_down": Kind(Hop.NETWORK, _stall(DOWN)),
    "network_up": Kind(Hop.NETWORK, _stall(UP)),
    "network_far_down": Kind(Hop.NETWORK, _delay(DOWN)),
    "network_far": Kind(Hop.NETWORK, _delay(UP, DOWN)),
    "t3": Kind(Hop.T3, _arm("t3")),
    "t3_prefill": Kind(Hop.T3, _arm("t3_prefill")),
    "flow": Kind(Hop.FLOW, _arm("flow")),
    "vocoder": Kind(Hop.VOCODER, _arm("vocoder")),
    "tokens": Kind(Hop.TOKENS, _arm("tokens")),
    "channel": Kind(Hop.CHANNEL, _arm("channel")),
    "text": Kind(Hop.TEXT, _pause_writer),
    "client_buffer": Kind(Hop.CLIENT_BUFFER, _pause_listener),
    "device": Kind(Hop.DEVICE, lambda trial: trial.device.stall(trial.after_s, trial.for_s)),
}
PACED_ONLY = ("vocoder", "tokens", "channel")  # the embedded voice has no seam there


async def run(kind: str, service: Service, network: Relay, after_s: float, for_s: float) -> tuple[Analysis, bool]:
    """One utterance; and whether the fault struck."""
    device = FakeDevice()
    began_s = time.monotonic()
    async with Client(network.address) as client:
        trial = Trial(service, network, device, client, after_s, for_s)
        if kind in ("device_open", "network_far_down", "network_far"):
            KINDS[kind].order(trial)
        async with Player(24_000, cast(Any, device)) as player, client.watch() as watch:
            if kind not in ("device_open", "network_far_down", "network_far"):
                KINDS[kind].order(trial)
            async with client.utterance() as utterance:
                await _speak(utterance, player, trial.pause_s, after_s)
                if kind == "device":
                    await asyncio.sleep(max(0.0, after_s + for_s + 0.1 - (time.monotonic() - began_s)))
                log = player.log()
        network.reset()
        struck = service.struck()
        armed = kind in ("server_loop", "t3", "t3_prefill", "flow", "vocoder", "tokens", "channel")
        return analyse(utterance.record, signs=watch.signs(log), first_audible=0), bool(struck) or not armed


async def _speak(utterance: Utterance, player: Player, pause_s: tuple[float, float], after_s: float) -> None:
    paused = not pause_s[1]
    began = time.monotonic()

    async def write() -> None:
        for index, piece in enumerate(TEXT):
            if index:
                await asyncio.sleep(pause_s[0])
            await utterance.push(piece)
        await utterance.end()

    writing = asyncio.create_task(write())
    async for chunk in utterance:
        if not paused and time.monotonic() - began > after_s:
            paused = True
            await asyncio.sleep(pause_s[1])
        await player.write(chunk.samples, received_ns=chunk.received_ns, prebuffer_hint_s=chunk.prebuffer_hint_s)
    await writing


def outcome(kind: str, size_s: float, shift_s: float, analysis: Analysis, normal: Normal, struck: bool) -> Outcome:
    learned = _judge(analysis, normal)
    shares = [budget.explained for budget in learned.budgets]
    alone = analysis.verdict
    return Outcome(
        kind=kind,
        hop=KINDS[kind].hop,
        size_ms=round(size_s * 1e3, 1),
        shift_s=shift_s,
        struck=struck,
        verdict=learned.verdict.hop,
        ms=round(learned.verdict.ms, 1),
        audible=learned.verdict.audible,
        explained=round(min(shares, default=1.0), 4),
        alone=alone.hop,
        alone_ms=round(alone.ms, 1),
        evidence=learned.verdict.evidence,
    )


def _judge(analysis: Analysis, normal: Normal) -> Analysis:
    return analyse(analysis.record, signs=analysis.signs, first_audible=0, normal=normal)


async def measure(kinds: Sequence[str], trials: int, embedded: bool, seed: int, show: bool) -> list[Outcome]:
    draw = random.Random(seed)
    outcomes: list[Outcome] = []
    with contextlib.ExitStack() as stack:
        places: dict[float, tuple[Service, Relay]] = {}
        for shift_s in sorted(set(SHIFTS_S)):
            service = stack.enter_context(faulty_service(embedded=embedded, clock_shift_s=shift_s))
            places[shift_s] = service, stack.enter_context(relay(service.address))
        clean = [(await run("clean", *places[SHIFTS_S[0]], 0.0, 0.0))[0] for _ in range(LEARN_FROM)]
        normal = Normal.from_clean([analysis.run for analysis in clean])
        lasts_s = statistics.median(_made_s(analysis) for analysis in clean)
        for number in range(trials):
            for kind in kinds:
                shift_s = SHIFTS_S[(number + kinds.index(kind)) % len(SHIFTS_S)]
                last_s = 0.1 if kind == "t3_prefill" else LATE_SHARE * lasts_s
                size_s, after_s = draw.uniform(*SIZES_S), draw.uniform(0.0, last_s)
                analysis, struck = await run(kind, *places[shift_s], after_s, size_s)
                outcomes.append(outcome(kind, size_s, shift_s, analysis, normal, struck))
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
    parser.add_argument("--kinds", help=f"comma-separated; default: all of {', '.join(KINDS)}")
    parser.add_argument("--embedded", action="store_true", help="the embedded voice instead of the paced engine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object, trials included")
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",") if arguments.kinds else list(KINDS)
    if arguments.embedded:
        kinds = [kind for kind in kinds if kind not in PACED_ONLY]
    outcomes = asyncio.run(measure(kinds, arguments.trials, arguments.embedded, arguments.seed, not arguments.json))
    result = summary(outcomes)
    if arguments.json:
        print(json.dumps(result | {"outcomes": [asdict(one) for one in outcomes]}))
        return
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
