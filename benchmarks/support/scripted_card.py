"""Stages that only take the time of a card: what is left is the Python around it.

A piece of work costs its launch on the host, during which Python's lock is held, as torch holds it, and then time of
the card, which does one thing after the other, while the caller waits without the lock. Speech tokens and sound are
made up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.engine import Wrap
from engine.scheduling.jobs import FlowWork, Row, SegmentJob, Stages, TokenStage, VocoderWork
from engine.text.pronunciations import NONE, Pronunciations
from engine.text.words import WrittenWord

TOKENS_PER_CHAR = 1.6
SAMPLES_PER_TOKEN = 960
LOUDNESS = 0.1
HELD_BACK_TOKENS = 2  # by the vocoder until its segment ends


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a launch costs."""

    host_s: float
    device_s: float
    item_s: float  # of the device, for every row or token in the batch

    def total_s(self, items: int) -> float:
        return self.device_s + self.item_s * items


@dataclass(frozen=True, kw_only=True)
class Card:
    step: Work  # of T3; items are rows
    flow: Work  # items are tokens
    vocoder: Work


# Turbo, every stage replayed as a graph. Nothing here was measured: the least time that the weights' bytes and the
# arithmetic take by the card's data sheet, doubled, and 0.3 ms of Python and launches for each piece of work.
CARDS = {
    "h200": Card(
        step=Work(host_s=3e-4, device_s=5e-4, item_s=4e-6),
        flow=Work(host_s=3e-4, device_s=2.0e-3, item_s=2.0e-5),
        vocoder=Work(host_s=3e-4, device_s=1.0e-3, item_s=1.0e-5),
    ),
    "rtx4090": Card(
        step=Work(host_s=3e-4, device_s=1.5e-3, item_s=1.5e-5),
        flow=Work(host_s=3e-4, device_s=4.0e-3, item_s=8.0e-5),
        vocoder=Work(host_s=3e-4, device_s=2.0e-3, item_s=3.0e-5),
    ),
    "l4": Card(
        step=Work(host_s=3e-4, device_s=5.0e-3, item_s=4.0e-5),
        flow=Work(host_s=3e-4, device_s=1.0e-2, item_s=2.6e-4),
        vocoder=Work(host_s=3e-4, device_s=4.0e-3, item_s=8.0e-5),
    ),
}


@dataclass
class Clock:
    """The card's time, and what was spent launching work on it."""

    launched_s: float = 0.0
    busy_s: float = 0.0
    _free_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, work: Work, items: int) -> None:
        """Returns when the card has done it."""
        began_s = time.perf_counter()
        while time.perf_counter() < began_s + work.host_s:
            pass
        took_s = work.total_s(items)
        with self._lock:
            self.launched_s += work.host_s
            self.busy_s += took_s
            self._free_s = max(self._free_s, time.perf_counter()) + took_s
            done_s = self._free_s
        time.sleep(max(0.0, done_s - time.perf_counter()))

    def wrap(self, card: Card) -> Wrap:
        """What `LocalEngine` puts in place of its stages."""
        return lambda stages: Stages(
            CardTokens(stages.tokens, self, card.step), CardMel(self, card.flow), CardSound(self, card.vocoder)
        )


@dataclass(eq=False)
class CardRow:
    remaining: int
    warning: str = ""
    attention: NDArray[np.float32] | None = None


class CardTokens:
    """A TokenStage whose segments are as long as their text says."""

    def __init__(self, stage: TokenStage, clock: Clock, work: Work) -> None:
        self._stage = stage
        self._clock = clock
        self._work = work

    def speakable(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        return self._stage.speakable(text, language, pronunciations)

    def words(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[tuple[WrittenWord, ...]]:
        return self._stage.words(text, language, pronunciations)

    def begin(self, job: SegmentJob) -> Row:
        return CardRow(max(1, round(TOKENS_PER_CHAR * len(job.text))))

    def feed(self, row: CardRow) -> bool:
        self._clock.run(self._work, 1)
        return True

    def step(self, rows: Sequence[CardRow]) -> list[int | None]:
        self._clock.run(self._work, len(rows))
        for row in rows:
            row.remaining -= 1
        return [row.remaining if row.remaining >= 0 else None for row in rows]

    def release(self, row: CardRow) -> None:
        pass


class CardMel:
    """A MelStage whose mel is the number of its tokens."""

    def __init__(self, clock: Clock, work: Work) -> None:
        self._clock = clock
        self._work = work

    def open(self, voice: Any, seed: int) -> int:
        return -1

    def alike(self, state: int, work: FlowWork) -> Hashable:
        return state == work.segment, work.n_new, len(work.tokens), work.final

    def run(self, states: Sequence[int], works: Sequence[FlowWork]) -> list[tuple[int, int]]:
        """A state is the segment that it belongs to."""
        self._clock.run(self._work, sum(len(work.tokens) for work in works))
        return [(work.n_new, work.segment) for work in works]


class CardSound:
    """A SoundStage that says noise."""

    def __init__(self, clock: Clock, work: Work) -> None:
        self._clock = clock
        self._work = work
        self._noise = np.random.default_rng(0).normal(0, LOUDNESS, 64 * SAMPLES_PER_TOKEN).astype(np.float32)

    def open(self, voice: object, seed: int, rate: float = 1.0, spoken: int = 0, owed_pause: int = 0) -> int:
        return 0

    def pause(self, state: int, work: VocoderWork) -> int:
        return 0

    def alike(self, state: int, work: VocoderWork) -> Hashable:
        return state > 0, work.mel, work.final

    def run(self, states: Sequence[int], works: Sequence[VocoderWork]) -> list[tuple[NDArray[np.float32], int]]:
        """A state is the number of tokens that are held back."""
        self._clock.run(self._work, sum(work.mel for work in works))
        done = []
        for held, work in zip(states, works, strict=True):
            kept = 0 if work.final else HELD_BACK_TOKENS
            done.append((self._noise[: max(0, held + work.mel - kept) * SAMPLES_PER_TOKEN], min(kept, held + work.mel)))
        return done
