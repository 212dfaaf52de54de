"""What do listeners hear when the engine that speaks to them dies?

Two engine servers, each a process, behind the gateway's pool; listeners play in real time; at a random moment one
engine is killed, stopped, cut off or drained. Every sample must come once; those of the other engine must not notice.

    python -m benchmarks.scale.kill --rounds 50
    python -m benchmarks.scale.kill --rounds 60 --kinds none
    python -m benchmarks.scale.kill --model embedded --listeners 6 --rounds 20 --kinds kill stop

For those that moved: the worst gap, the audio that they had in hand, how long the loss took to be seen, and how long
until the other engine spoke. The gap is what the last two take longer than the audio in hand lasts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.support.child_process import Child
from benchmarks.support.engine_process import SCRIPTED, VERSION, engine_process
from benchmarks.support.machine import describe
from benchmarks.support.tcp_relay import DOWN, UP, Relay, relay
from engine.messages import AudioChunk, Event, Failed, Finished, Playback, Utterance
from service.engines.pool import Pool
from service.engines.remote import Remote

KINDS = ("kill", "stop", "cut", "drain")
NONE = "none"  # nothing dies: nobody may be moved
TEXT = (
    "The old lighthouse stood above the bay, and its keeper wrote down every ship that passed. "
    "On clear evenings the children came up the hill to hear about storms, and about the winter when the sea froze. "
)
MAX_LEAD_S = 2.0
PREBUFFER_S = 0.2
_LIMIT_S = 120.0


class Listener:
    """Plays in real time, from the first sound on."""

    def __init__(self, pool: Pool, name: str, rate: int) -> None:
        self.name, self.done, self.error = name, asyncio.Event(), ""
        self.arrivals: list[tuple[float, int]] = []  # seconds, samples
        self.pieces: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
        self._pool, self._rate = pool, rate

    async def speak(self, text: str, seed: int) -> None:
        await self._pool.submit(Utterance(id=self.name, seed=seed), self._hear)
        self._pool.push_text(self.name, text)
        self._pool.end_input(self.name)
        async with asyncio.timeout(_LIMIT_S):
            await self.done.wait()

    @property
    def samples(self) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        return np.concatenate([np.zeros(0, np.float32), *self.pieces])

    def _hear(self, event: Event) -> None:
        match event:
            case AudioChunk():
                now = time.monotonic()
                self.arrivals.append((now, event.num_samples))
                self.pieces.append(event.samples)
                sent_s = sum(count for _, count in self.arrivals) / self._rate
                wait_s = self.arrivals[0][0] + sent_s - MAX_LEAD_S - now
                asyncio.get_running_loop().call_later(max(0.0, wait_s), self._release, event.num_samples)
            case Failed(error=error):
                self.error = f"{type(error).__name__}: {error}"
                self.done.set()
            case Finished():
                self.done.set()

    def _release(self, num_samples: int) -> None:
        self._pool.release(self.name, num_samples)
        played_s = time.monotonic() - self.arrivals[0][0]
        self._pool.playback(self.name, Playback(played_samples=round(played_s * self._rate)))

    def in_hand_s(self, at: float) -> float:
        """Audio that had come and was not played at that time."""
        come_s = sum(count for when, count in self.arrivals if when <= at) / self._rate
        return come_s - max(0.0, at - self.arrivals[0][0] - PREBUFFER_S) if self.arrivals else 0.0

    def first_after(self, at: float) -> float:
        return next((when for when, _ in self.arrivals if when > at), at)

    def worst_gap_s(self) -> float:
        if not self.arrivals:
            return 0.0
        due, worst = self.arrivals[0][0] + PREBUFFER_S, 0.0
        for when, count in self.arrivals:
            worst = max(worst, when - due)
            due = max(due, when) + count / self._rate
        return worst


@dataclass
class Round:
    kind: str
    moved: int = 0  # listeners of the engine that died
    moves: int = 0  # that the pool made
    seen_s: float = 0.0  # until the loss was known
    in_hand_s: list[float] = field(default_factory=list)  # of those that moved
    restart_s: list[float] = field(default_factory=list)  # from the loss being known to audio of the other engine
    gaps_s: list[float] = field(default_factory=list)
    others_gaps_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    places_left: int = 0  # taken at the end


class Stage:
    """Two engine servers, behind relays where their network is to be cut, and the pool over them."""

    def __init__(self, model: str, places: int, token_s: float, *, relayed: bool) -> None:
        self._arguments = (model, places, token_s)
        self._relayed = relayed
        self._stack = contextlib.ExitStack()
        self.children: list[Child] = []
        self.relays: list[Relay] = []

    async def start(self) -> Pool:
        for _ in range(2):
            await self.add()
        self.pool = Pool(self.find, version=VERSION)
        await self.both()
        return self.pool

    async def add(self) -> None:
        child = await asyncio.to_thread(self._stack.enter_context, engine_process(*self._arguments))
        self.children.append(child)
        if self._relayed:
            self.relays.append(await asyncio.to_thread(self._stack.enter_context, relay(child.address)))

    async def find(self) -> Sequence[str]:
        return [one.address for one in (self.relays if self._relayed else self.children)]

    async def both(self) -> None:
        """Waits until two engines serve."""
        async with asyncio.timeout(_LIMIT_S):
            while sum(engine.serves for engine in self.pool.engines.values()) < 2:
                await asyncio.sleep(0.02)

    def end(self, kind: str, number: int) -> None:
        child = self.children[number]
        match kind:
            case "kill":
                os.kill(child.pid, signal.SIGKILL)
            case "stop":
                os.kill(child.pid, signal.SIGSTOP)
            case "cut":
                for way in (UP, DOWN):
                    self.relays[number].stall(way, after_s=0.0, for_s=3.0)
            case "drain":
                child.commands.send("drain")

    async def mend(self, kind: str, number: int) -> None:
        if kind == "stop":
            os.kill(self.children[number].pid, signal.SIGCONT)
        if kind in ("kill", "drain"):
            del self.children[number], self.relays[number : number + 1]
            await self.add()
        await self.both()

    async def close(self) -> None:
        await self.pool.close()
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGCONT)
        await asyncio.to_thread(self._stack.close)


async def play(stage: Stage, kind: str, count: int, tolerance: float, whole: Sequence[Listener]) -> Round:
    """One death. `whole`: what each listener heard undisturbed."""
    pool, result = stage.pool, Round(kind)
    rate = pool.info().sample_rate
    listeners = [Listener(pool, f"{kind}-{random.getrandbits(48):x}", rate) for _ in range(count)]
    speaking = [asyncio.create_task(one.speak(TEXT, seed)) for seed, one in enumerate(listeners)]
    await asyncio.sleep(random.uniform(0.3, 2.5))
    number = random.randrange(2)
    victim = None if kind == NONE else pool.engines[(await stage.find())[number]]
    moves = pool.moves
    before = {one.name: placed.engine for one in listeners if (placed := pool._placed.get(one.name))}
    at = time.monotonic()
    stage.end(kind, number)
    seen = await _seen(victim) if victim else at
    result.seen_s = seen - at
    await asyncio.gather(*speaking, return_exceptions=True)
    for seed, one in enumerate(listeners):
        if what := _wrong(one, whole[seed], tolerance):
            result.wrong.append(what)
        if victim and before.get(one.name) is victim:
            result.moved += 1
            result.in_hand_s.append(one.in_hand_s(at))
            result.restart_s.append(max(0.0, one.first_after(seen) - seen))
            result.gaps_s.append(one.worst_gap_s())
        else:
            result.others_gaps_s.append(one.worst_gap_s())
    await stage.mend(kind, number)
    await asyncio.sleep(0.3)
    result.places_left = pool.stats().slots_in_use
    result.moves = pool.moves - moves
    return result


async def _seen(victim: Remote) -> float:
    """When the pool knew that the engine takes no more."""
    end = time.monotonic() + 5.0
    while victim.serves and time.monotonic() < end:
        await asyncio.sleep(0.002)
    return time.monotonic()


def _wrong(heard: Listener, whole: Listener, tolerance: float) -> str:
    if heard.error:
        return heard.error
    given, wanted = heard.samples, whole.samples
    if len(given) != len(wanted):
        return f"{len(given)} samples, not {len(wanted)}"
    differs = float(np.abs(given - wanted).max()) if len(given) else 0.0
    return f"differs by {differs:.1e}" if differs > tolerance else ""


async def run(
    kinds: Sequence[str], rounds: int, count: int, model: str = SCRIPTED, token_s: float = 0.01, tolerance: float = 0.0
) -> list[Round]:
    stage = Stage(model, 2 * count, token_s, relayed="cut" in kinds)
    try:
        pool = await stage.start()
        whole = [Listener(pool, f"whole-{seed}", pool.info().sample_rate) for seed in range(count)]
        await asyncio.gather(*(one.speak(TEXT, seed) for seed, one in enumerate(whole)))
        return [await play(stage, kind, count, tolerance, whole) for _ in range(rounds) for kind in kinds]
    finally:
        await stage.close()


def told(kind: str, rounds: Sequence[Round]) -> str:
    gaps = [gap for one in rounds for gap in one.gaps_s]
    others = [gap for one in rounds for gap in one.others_gaps_s]
    wrong = [what for one in rounds for what in one.wrong]
    moves = sum(one.moves for one in rounds)
    seen = statistics.median(one.seen_s for one in rounds)
    restart = [one for each in rounds for one in each.restart_s]
    return (
        f"{kind}: {len(rounds)} rounds, {len(gaps)} of the engine that died, {moves} moves; wrong {len(wrong)}; "
        f"seen after {seen * 1000:.0f} ms (p50), "
        f"audio {statistics.median(restart or [0.0]) * 1000:.0f} ms later (p50); "
        f"worst gap {max(gaps, default=0.0) * 1000:.0f} ms, of the others {max(others, default=0.0) * 1000:.0f} ms; "
        f"places left {sum(one.places_left for one in rounds)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of each kind")
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS, NONE], default=KINDS)
    parser.add_argument("--listeners", type=int, default=16)
    parser.add_argument("--model", default=SCRIPTED)
    parser.add_argument("--tolerance", type=float, default=0.0, help="that a sample may differ by")
    parser.add_argument("--out", type=Path, help="a file for all rounds, as JSON")
    given = parser.parse_args()
    rounds = asyncio.run(run(given.kinds, given.rounds, given.listeners, given.model, tolerance=given.tolerance))
    print(describe())
    for kind in given.kinds:
        print(told(kind, [one for one in rounds if one.kind == kind]))
    if given.out:
        given.out.write_text(json.dumps([asdict(one) for one in rounds], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
