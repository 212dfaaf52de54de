"""Is anything lost, said twice or leaked when all kinds of faults come at once?

Scripted engines, each a process behind a relay, and the gateway's pool. Listeners play in real time, one utterance
after the other; some leave in the middle, some take no audio for a while. Meanwhile engines are killed, stopped, cut
off and drained, several at a time and at random, and voices are made and deleted.

    python -m benchmarks.scale.random_faults --minutes 10

What is heard is compared with what was to be said, sample by sample. An utterance that loses its engine a third time
is ended with a reason, which is counted apart. Then, with nobody speaking: places that are still taken, and the tasks,
file descriptors and memory of the gateway's process beside those at the beginning. The exit status is 1 where anything
was lost or came twice, or a place or a task is left.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.scale.seen_of_pool import SeenOfPool, look_at_the_end, tell
from benchmarks.support.engine_crowd import CUT_S, KINDS, EngineCrowd, Member
from benchmarks.support.engine_process import Served
from benchmarks.support.pool_listener import Listener
from engine.errors import EngineClosed, Overloaded, UnknownVoice, VoiceExists
from engine.messages import NewVoice
from service.engines.errors import NoEngine
from tests.fakes import speech_of_text
from tests.recordings import recording

TEXT = "Over the wide river and through the old wood the travellers went on without a word until the night fell. "
BETWEEN_S = (0.5, 3.0)  # two faults
STANDS_STILL_S = 2.0
LEAVES, IDLES = 0.1, 0.1  # shares of the listeners
WARM_S = 60.0  # memory is looked at from then on


@dataclass(frozen=True)
class Held:
    """By this process, while nobody speaks."""

    tasks: dict[str, int]  # by what they run
    descriptors: int
    memory_mb: float

    @staticmethod
    def now() -> Held:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        memory_mb = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        tasks = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())
        return Held(dict(tasks), len(os.listdir("/proc/self/fd")), round(memory_mb, 1))

    def __str__(self) -> str:
        return f"{sum(self.tasks.values())} tasks, {self.descriptors} descriptors, {self.memory_mb} MB"


@dataclass
class Seen(SeenOfPool):
    heard: int = 0  # utterances, to their end
    left: int = 0
    refused: int = 0
    given_up: list[str] = field(default_factory=list)  # with the reason that was told
    faults: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    before: Held | None = None
    warm: Held | None = None  # while many speak
    after: Held | None = None

    @property
    def tasks_left(self) -> dict[str, int]:
        if self.before is None or self.after is None:
            return {}
        return dict(Counter(self.after.tasks) - Counter(self.before.tasks))

    @property
    def is_well(self) -> bool:
        return super().is_well and not self.tasks_left

    def line(self) -> str:
        faults = ", ".join(f"{count} {kind}" for kind, count in self.faults.items())
        return (
            f"{self.heard} utterances heard to the end, {self.left} left, {self.refused} refused; faults: {faults}; "
            f"{self.moves} moves; wrong {len(self.wrong)}, ended with a reason {len(self.given_up)}; "
            f"places left {self.places_left}, tasks left {sum(self.tasks_left.values())} {self.tasks_left or ''}\n"
            f"before: {self.before}\nwhile they spoke: {self.warm}\nafter: {self.after}"
            + "".join(f"\n  {what}" for what in self.given_up)
        )


class Trouble:
    """Listeners, and whatever happens to the engines under them."""

    def __init__(self, crowd: EngineCrowd, listeners: int) -> None:
        self._crowd, self._pool, self._listeners = crowd, crowd.pool, listeners
        self._struck: set[Member] = set()
        self._count = 0
        self.seen = Seen()

    async def run(self, seconds: float) -> Seen:
        self.seen.before = Held.now()
        self._ends = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(self._listeners):
                group.create_task(self._speak_on())
            group.create_task(self._strike_on(group))
            group.create_task(self._make_voices())
            group.create_task(self._look(min(WARM_S, seconds / 2)))
        await self._crowd.serve(len(self._crowd.members))
        await asyncio.sleep(2.0)
        await look_at_the_end(self._pool, self.seen)
        self.seen.after = Held.now()
        return self.seen

    @property
    def _goes_on(self) -> bool:
        return time.monotonic() < self._ends

    async def _look(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self.seen.warm = Held.now()

    # --------------------------------------------------------------------------------------------------- listeners

    async def _speak_on(self) -> None:
        while self._goes_on:
            self._count += 1
            listener, seed = Listener(self._pool, f"listener-{self._count}"), self._count
            try:
                await listener.submit(TEXT, seed)
            except (Overloaded, NoEngine) as refusal:
                self.seen.refused += 1
                await asyncio.sleep(refusal.retry_after_s)
                continue
            chance = random.random()
            if chance < LEAVES:
                await asyncio.sleep(random.uniform(0.0, 3.0))
                await listener.leave()
                self.seen.left += 1
                continue
            if chance < LEAVES + IDLES:
                listener.idle(random.uniform(0.5, 3.0))
            await listener.hear_all()
            self._note(listener, seed)

    def _note(self, listener: Listener, seed: int) -> None:
        if listener.error.startswith("NoEngine"):
            self.seen.given_up.append(f"{listener.name}: {listener.error}")
        elif what := listener.wrong(speech_of_text(TEXT, seed=seed, voice="anna")):
            self.seen.wrong.append(f"{listener.name}: {what}")
        else:
            self.seen.heard += 1

    # ------------------------------------------------------------------------------------------------------ faults

    async def _strike_on(self, group: asyncio.TaskGroup) -> None:
        """One engine is always well."""
        while self._goes_on:
            await asyncio.sleep(random.uniform(*BETWEEN_S))
            well = [member for member in self._crowd.members if member not in self._struck]
            if len(well) > 1:
                group.create_task(self._strike(random.choice(KINDS), random.choice(well)))

    async def _strike(self, kind: str, member: Member) -> None:
        self._struck.add(member)
        self.seen.faults[kind] += 1
        self._crowd.strike(kind, member)
        await asyncio.sleep(CUT_S if kind == "cut" else random.uniform(0.1, STANDS_STILL_S))
        await self._crowd.mend(kind, member)
        self._struck.discard(member)

    async def _make_voices(self) -> None:
        number = 0
        while self._goes_on:
            number += 1
            try:
                await self._pool.create_voice(NewVoice(name=f"guest-{number}", audio=recording()))
                await asyncio.sleep(random.uniform(0.1, 2.0))
                await self._pool.delete_voice(f"guest-{number}")
            except (NoEngine, EngineClosed, UnknownVoice, VoiceExists):
                await asyncio.sleep(0.5)  # whoever made it, or had it, is gone


async def run(minutes: float, engines: int, listeners: int) -> Seen:
    crowd = EngineCrowd(relayed=True)
    try:
        pool = await crowd.start([Served(places=2 * listeners, token_s=0.01)] * engines)
        first = Listener(pool, "first")
        await first.submit(TEXT, 0)
        await first.hear_all()
        await asyncio.sleep(1.0)
        return await Trouble(crowd, listeners).run(60 * minutes)
    finally:
        await crowd.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--engines", type=int, default=4)
    parser.add_argument("--listeners", type=int, default=16)
    parser.add_argument("--out", type=Path, help="a file for all that was seen, as JSON")
    given = parser.parse_args()
    tell(asyncio.run(run(given.minutes, given.engines, given.listeners)), given.out)


if __name__ == "__main__":
    main()
