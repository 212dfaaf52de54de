"""Do a thousand listeners hear without gaps while engines join, leave and die?

Scripted engines, each a process, behind the gateway's pool. Callers come in bunches, more of them than there are
places, and a refused one comes again when he was told to; every second engine lacks one of the two voices. Meanwhile
engines are killed, drained, added and taken away.

    python -m benchmarks.scale.many_engines
    python -m benchmarks.scale.many_engines --utterances 100 --engines 4

C100 of those who were let in, the share of the places that were used while somebody waited for one, and how often an
utterance was at an engine without its voice. Places are those that are open to new utterances: one engine's worth is
kept for those that move. What is heard is compared with what was to be said, sample by sample.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.scale.seen_of_pool import SeenOfPool, look_at_the_end, tell
from benchmarks.support.engine_crowd import EngineCrowd
from benchmarks.support.engine_process import Served
from benchmarks.support.pool_listener import Listener
from engine.errors import Overloaded
from service.engines.errors import NoEngine
from tests.fakes import speech_of_text

COMMON, RARE = "anna", "karl"  # voices
WORDS = ("over", "the", "wide", "river", "and", "through", "the", "old", "wood", "travellers", "went", "silently", "on")
GAP_S = 0.1
LOOK_S = 0.05
BUNCH = 24  # callers, on average
PRESSURE = 1.4  # audio that is asked for, times what the places can play
USUAL_S = 4.0  # of audio, about, in an utterance
CHANGE_S = (1.0, 4.0)  # between two changes of the engines


@dataclass
class Seen(SeenOfPool):
    utterances: int = 0
    refusals: int = 0
    gaps_s: list[float] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    used: int = 0  # places, summed over the looks at which somebody waited
    places: int = 0
    misplaced: int = 0

    @property
    def c100(self) -> float:
        return sum(gap <= GAP_S for gap in self.gaps_s) / len(self.gaps_s) if self.gaps_s else 0.0

    def line(self) -> str:
        share = self.used / self.places if self.places else 0.0
        return (
            f"{self.utterances} utterances, {self.refusals} refusals, {len(self.changes)} changes of engines, "
            f"{self.moves} moves; C100 {self.c100:.1%}, worst gap {max(self.gaps_s, default=0.0) * 1000:.0f} ms; "
            f"wrong {len(self.wrong)}; places used while somebody waited {share:.1%}; "
            f"at an engine without the voice {self.misplaced}; places left {self.places_left}"
        )


class Load:
    """Callers, and engines that come and go under them."""

    def __init__(self, crowd: EngineCrowd, places: int) -> None:
        self._crowd, self._pool, self._places = crowd, crowd.pool, places
        self._waiting = 0  # callers
        self._over = False
        self._voices: dict[str, str] = {}  # by utterance
        self.seen = Seen()

    async def run(self, utterances: int) -> Seen:
        looking, changing = asyncio.create_task(self._look()), asyncio.create_task(self._change())
        try:
            async with asyncio.TaskGroup() as callers:
                started = 0
                while started < utterances:
                    bunch = min(utterances - started, random.randint(1, 2 * BUNCH))
                    for number in range(started, started + bunch):
                        callers.create_task(self._call(number))
                    started += bunch
                    open_places = max(1, self._pool.stats().places)
                    await asyncio.sleep(random.expovariate(PRESSURE * open_places / (bunch * USUAL_S)))
        finally:
            self._over = True
            looking.cancel()
            await asyncio.gather(looking, changing, return_exceptions=True)
        await look_at_the_end(self._pool, self.seen)
        return self.seen

    async def _call(self, number: int) -> None:
        chance = random.Random(number)
        text = " ".join(chance.choices(WORDS, k=chance.randint(10, 28)))
        voice = RARE if number % 3 == 0 else COMMON
        listener = Listener(self._pool, f"caller-{number}", voice=voice)
        self._voices[listener.name] = voice
        await self._speak(listener, text, number)
        del self._voices[listener.name]
        self.seen.utterances += 1
        self.seen.gaps_s.append(listener.worst_gap_s())
        if what := listener.wrong(speech_of_text(text, seed=number, voice=voice)):
            self.seen.wrong.append(f"{listener.name}: {what}")

    async def _speak(self, listener: Listener, text: str, seed: int) -> None:
        self._waiting += 1
        try:
            while True:
                try:
                    await listener.submit(text, seed)
                    break
                except (Overloaded, NoEngine) as refusal:
                    self.seen.refusals += 1
                    await asyncio.sleep(refusal.retry_after_s * random.uniform(0.2, 1.0))
        finally:
            self._waiting -= 1
        await listener.hear_all()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self._waiting:
                serving = [engine for engine in self._pool.engines.values() if engine.serves]
                places = self._pool.stats().places
                self.seen.used += min(places, sum(engine.used for engine in serving))
                self.seen.places += places
            for name, placed in self._pool._placed.items():
                engine = placed.engine
                self.seen.misplaced += engine is not None and self._voices.get(name, COMMON) not in engine.voices

    async def _change(self) -> None:
        """Now there is one engine less than at the beginning, now one more."""
        crowd, kinds = self._crowd, itertools.cycle(("kill", "join", "drain", "leave"))
        while not self._over:
            await asyncio.sleep(random.uniform(*CHANGE_S))
            kind = next(kinds)
            if kind == "join":
                await crowd.add(served(random.randrange(2), self._places))
            elif kind == "leave":
                member = random.choice(crowd.members)
                crowd.strike("drain", member)
                await crowd.seen(member)
                await asyncio.sleep(1.0)
                await crowd.remove(member)
            else:
                member = random.choice(crowd.members)
                crowd.strike(kind, member)
                await crowd.seen(member)
                await asyncio.sleep(1.0)
                await crowd.mend(kind, member)
            self.seen.changes.append(kind)


def served(number: int, places: int) -> Served:
    return Served(places=places, token_s=0.015, voices=(COMMON, RARE) if number % 2 else (COMMON,))


async def run(utterances: int, engines: int, places: int) -> Seen:
    crowd = EngineCrowd(relayed=False)
    try:
        await crowd.start([served(number, places) for number in range(engines)])
        return await Load(crowd, places).run(utterances)
    finally:
        await crowd.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=1000)
    parser.add_argument("--engines", type=int, default=8)
    parser.add_argument("--places", type=int, default=8, help="of each engine")
    parser.add_argument("--out", type=Path, help="a file for all that was seen, as JSON")
    given = parser.parse_args()
    tell(asyncio.run(run(given.utterances, given.engines, given.places)), given.out)


if __name__ == "__main__":
    main()
