"""Does the audio device play exactly the samples that the server sent?

The player plays through a real device, a recorder records the device, and both are compared.

    python -m benchmarks.continuity.recorded_playback --utterances 50  # the machine is idle otherwise
    python -m benchmarks.continuity.recorded_playback --utterances 50 --parallel 8  # eight other listeners all the time
    python -m benchmarks.continuity.recorded_playback --utterances 50 --throttle rtf13  # T3 at 1.3 times real time
    python -m benchmarks.continuity.recorded_playback --utterances 50 --start 0  # no pre-buffer: how soon is sound
    python -m benchmarks.continuity.recorded_playback --utterances 20 --barge-in  # how soon silence follows a stop

The device is a null sink of PulseAudio (`benchmarks.support.null_sink`). Each utterance is played twice: by the player,
streamed from a real service, and by a bare PortAudio callback that has all of the same samples before it begins. The
second is the control: it shows what device and machine do to any sound, and only what exceeds it counts.

one-shot: the same text and seed, spoken by an engine of its own into windows as long as there are.
A silence is below -50 dBFS for more than 5 ms; it counts if the one-shot waveform is above -40 dBFS there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.continuity.playback_controls import AFTER_S, RATE, Control, Samples, one_shots, other_listeners
from benchmarks.support.machine import describe, machine
from benchmarks.support.null_sink import Sink, null_sink
from benchmarks.support.recordings import Compared, compare, not_in, silences
from benchmarks.support.sample_statistics import summary
from benchmarks.support.service_process import service
from benchmarks.support.texts import TEXTS
from benchmarks.support.throttle import Throttle
from client import Client, now_ns
from client.playback.fade import FADE_S
from client.playback.player import Player, barge_in, report_playback
from client.playback.start import start_rule

TOLERANCE = 2.5 / 32768  # the device's 16 bits, rounded twice
SHORT = tuple(text for text in TEXTS if len(text) <= 60)  # 2 to 4 s of speech
SILENCE_S = 0.005
PROMISED_S = 0.010  # from the receipt to the sound, beyond a block and the latency that the stream reports
THROTTLES = {"rtf13": Throttle(token_s=1.3 * 0.040)}


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the recorder heard of one sound."""

    gaps_ms: tuple[float, ...]
    altered: int  # samples
    lost: int
    greatest_error: float
    silences_ms: tuple[float, ...]  # that the one-shot waveform does not have

    @property
    def whole(self) -> bool:
        return not (self.gaps_ms or self.altered or self.lost or self.silences_ms)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    text: str
    others: int  # utterances that the server was at when this one began
    audio_s: float
    player: Heard | None  # None: it was not found in the recording
    control: Heard | None
    underruns: int
    stalls: int
    prebuffer_ms: float  # that the player waited for, from the first chunk
    device_ms: float  # from the first receipt, or the end of the pre-buffer, to the first sample: by the device's clock
    recorded_ms: float  # the same, by the recording
    bound_ms: float  # one block, the reported latency and 10 ms


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """One barge-in."""

    recorded_ms: float  # from the stop to the last sample above -50 dBFS
    bound_ms: float  # one block, the reported latency and the fade
    told: int  # samples heard, as the server was told
    heard: int  # by the recording
    block: int


def listen(sink: Sink, begin: int, played: Samples, one_shot: Samples) -> tuple[Heard | None, int]:
    """What is in the recording from `begin` on, and which of its samples is the first one played."""
    recorded = sink.recorded()[begin:]
    found = compare(played, recorded, sink.rate, TOLERANCE)
    if found is None:
        return None, 0
    missing = not_in(one_shot, _silences(played, recorded, found, sink.rate), sink.rate)
    heard = Heard(
        gaps_ms=tuple(round(1e3 * gap.length / sink.rate, 2) for gap in found.gaps),
        altered=found.altered,
        lost=found.lost,
        greatest_error=found.greatest_error,
        silences_ms=tuple(round(1e3 * (end - begin) / sink.rate, 2) for begin, end in missing),
    )
    return heard, begin + found.begins


def _silences(played: Samples, recorded: Samples, found: Compared, rate: int) -> list[tuple[int, int]]:
    """Those of the recording, placed on what was played; a gap is a silence where it happened."""
    if not found.gaps:
        return silences(recorded[found.begins :][: len(played)], rate, SILENCE_S)
    long = [gap for gap in found.gaps if gap.length > SILENCE_S * rate]
    return [(gap.at, gap.at + gap.length) for gap in long]


async def utterance(
    client: Client, sink: Sink, sounddevice: ModuleType, text: str, seed: int, start: str, one_shot: Samples
) -> Outcome:
    others = (await client.info()).active_utterances
    begin = sink.recorded_samples
    pieces: list[Samples] = []
    async with Player(RATE, start=start_rule(start)) as player, client.utterance(seed=seed) as spoken:
        await spoken.push(text)
        await spoken.end()
        reporting = asyncio.create_task(report_playback(player, spoken))
        async for chunk in spoken:
            pieces.append(chunk.samples)
            await player.write(
                chunk.samples,
                received_ns=chunk.received_ns,
                prebuffer_hint_s=chunk.prebuffer_hint_s,
                sent_ns=chunk.timings.write_start_ns,
            )
        reporting.cancel()
        await player.drain()
        log = player.log()
    played = np.concatenate(pieces)
    await asyncio.sleep(AFTER_S)
    heard, first = listen(sink, begin, played, one_shot)
    begin = sink.recorded_samples
    await Control(sounddevice, played).play()
    control, _ = listen(sink, begin, played, one_shot)
    received_ns = spoken.record.receipts[0].received_ns
    allowed_ns = max(received_ns, log.allowed_ns or 0)
    return Outcome(
        text=text,
        others=others,
        audio_s=len(played) / RATE,
        player=heard,
        control=control,
        underruns=len(log.underruns),
        stalls=len(log.stalls),
        prebuffer_ms=(allowed_ns - received_ns) / 1e6,
        device_ms=((log.started_ns or 0) - allowed_ns) / 1e6,
        recorded_ms=(sink.at_ns(first) - allowed_ns) / 1e6,
        bound_ms=1e3 * (log.block_s + log.latency_s + PROMISED_S),
    )


async def interrupted(client: Client, sink: Sink, text: str, seed: int, after_s: float) -> Stopped:
    """Stops an utterance `after_s` seconds after its first sample."""
    begin, pieces = sink.recorded_samples, []
    async with Player(RATE) as player, client.utterance(seed=seed, max_lead=0) as spoken:
        await spoken.push(text)
        await spoken.end()
        async for chunk in spoken:
            pieces.append(chunk.samples)
            await player.write(chunk.samples, received_ns=chunk.received_ns, prebuffer_hint_s=chunk.prebuffer_hint_s)
        played = np.concatenate(pieces)
        while player.started_ns is None:
            await asyncio.sleep(0.001)
        await asyncio.sleep((player.started_ns - now_ns()) / 1e9 + after_s)
        stopped_ns = now_ns()
        position = await barge_in(player, spoken)
        log = player.log()
    await asyncio.sleep(AFTER_S)
    recorded = sink.recorded()[begin:]
    told = position.played_samples
    found = compare(played[:told], recorded, RATE, TOLERANCE)
    audible = np.flatnonzero(np.abs(recorded) > 10 ** (-50 / 20))
    first = found.begins if found else 0
    return Stopped(
        recorded_ms=(sink.at_ns(begin + int(audible[-1])) - stopped_ns) / 1e6,
        bound_ms=1e3 * (log.block_s + log.latency_s + FADE_S),
        told=told,
        heard=int(audible[-1]) + 1 - first,
        block=round(log.block_s * RATE),
    )


@contextlib.contextmanager
def serving(arguments: argparse.Namespace) -> Iterator[str]:
    places = arguments.parallel + 1
    if arguments.address:
        yield arguments.address
    elif arguments.throttle:
        from benchmarks.support.throttled_service import throttled_service

        with throttled_service(THROTTLES[arguments.throttle], places) as address:
            yield address
    else:
        with service("--max-utterances", str(places)) as address:
            yield address


async def measure(arguments: argparse.Namespace, address: str, sink: Sink, tell: Callable[[str], None]) -> list[Any]:
    import sounddevice  # now, when the environment says which device is the default one

    texts = [SHORT[index % len(SHORT)] for index in range(arguments.utterances)]
    spoken = [] if arguments.barge_in else one_shots(texts)
    chance = random.Random(0)
    outcomes: list[Any] = []
    with other_listeners(address, arguments.parallel) as listening:
        await asyncio.sleep(5.0 if arguments.parallel else 0.0)
        async with Client(address) as client:
            for seed, text in enumerate(texts):
                if arguments.barge_in:
                    outcomes.append(await interrupted(client, sink, text, seed, chance.uniform(0.3, 1.5)))
                else:
                    one_shot = spoken[seed]
                    outcomes.append(await utterance(client, sink, sounddevice, text, seed, arguments.start, one_shot))
                tell(str(outcomes[-1]))
                if not listening():
                    raise RuntimeError("the other listeners broke off; see above")
    return outcomes


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    found = [one for one in outcomes if one.player and one.control]
    beyond = [one for one in found if one.player and one.control and one.control.whole and not one.player.whole]
    return {
        "utterances": len(outcomes),
        "others_at_once": round(statistics.mean(one.others for one in outcomes), 1),
        "audio_s": round(sum(one.audio_s for one in outcomes), 2),
        "not_found": len(outcomes) - len(found),
        "equal": sum(one.player is not None and one.player.whole for one in outcomes),
        "control_equal": sum(one.control is not None and one.control.whole for one in outcomes),
        "beyond_control": len(beyond),
        "gaps": sum(len(one.player.gaps_ms) for one in found if one.player),
        "control_gaps": sum(len(one.control.gaps_ms) for one in found if one.control),
        "silences": sum(len(one.player.silences_ms) for one in found if one.player),
        "control_silences": sum(len(one.control.silences_ms) for one in found if one.control),
        "greatest_error": max((one.player.greatest_error for one in found if one.player), default=0.0),
        "underruns": sum(one.underruns for one in outcomes),
        "device_stalls": sum(one.stalls for one in outcomes),
        "prebuffer_ms": summary([one.prebuffer_ms for one in outcomes]),
        "device_ms": summary([one.device_ms for one in outcomes]),
        "recorded_ms": summary([one.recorded_ms for one in found]),
        "bound_ms": statistics.median(one.bound_ms for one in outcomes),
        "device_within_bound": sum(one.device_ms <= one.bound_ms for one in outcomes),
        "recorded_within_bound": sum(one.recorded_ms <= one.bound_ms for one in found),
    }


def stop_figures(outcomes: Sequence[Stopped]) -> dict[str, Any]:
    return {
        "barge_ins": len(outcomes),
        "recorded_ms": summary([one.recorded_ms for one in outcomes]),
        "bound_ms": statistics.median(one.bound_ms for one in outcomes),
        "within_bound": sum(one.recorded_ms <= one.bound_ms for one in outcomes),
        "told_off_by_ms": summary([1e3 * abs(one.told - one.heard) / RATE for one in outcomes]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--address", help="a running service; without it one is started for the benchmark")
    parser.add_argument("--utterances", type=int, default=50)
    parser.add_argument("--parallel", type=int, default=0, help="other listeners, all the time")
    parser.add_argument("--throttle", choices=sorted(THROTTLES), help="a slower T3")
    parser.add_argument("--start", default="hint", help="as in `python -m client say`")
    parser.add_argument("--barge-in", action="store_true", help="stop each utterance somewhere instead")
    parser.add_argument("--json", type=Path, help="write everything there")
    arguments = parser.parse_args()
    began_s = time.monotonic()
    with null_sink(RATE) as sink, serving(arguments) as address:
        os.environ |= sink.environment
        outcomes = asyncio.run(measure(arguments, address, sink, lambda line: print(line, flush=True)))
    result = stop_figures(outcomes) if arguments.barge_in else figures(outcomes)
    print(f"on {describe()}, in {time.monotonic() - began_s:.0f} s")
    print(json.dumps(result, indent=2))
    if arguments.json:
        facts = {"machine": machine(), "arguments": {name: str(value) for name, value in vars(arguments).items()}}
        outcomes_json = [asdict(one) for one in outcomes]
        arguments.json.write_text(json.dumps(facts | {"figures": result, "outcomes": outcomes_json}, indent=1) + "\n")


if __name__ == "__main__":
    main()
