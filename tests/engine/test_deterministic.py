"""A deterministic engine says the same to everyone, alone or in company: token for token, sample for sample."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.support.texts import TEXTS
from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.messages import AudioChunk, Utterance
from engine.options import EngineOptions
from engine.scheduling.jobs import SegmentJob, Stages, TokenStage
from engine.speak import events

COMPANY = 11
SENTENCES = 3  # of each utterance
TOKENS = 2000  # of all together, at least


@dataclass(eq=False)
class Row:
    inner: Any
    said: list[int]  # so far
    warning: str = ""
    attention: NDArray[np.float32] | None = None


class Written:
    """A TokenStage that writes down what it draws: by seed and segment."""

    def __init__(self, stage: TokenStage) -> None:
        self._stage = stage
        self.tokens: dict[tuple[int, int], list[int]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def begin(self, job: SegmentJob) -> Row:
        return Row(self._stage.begin(job), self.tokens.setdefault((job.seed, job.segment), []))

    def feed(self, row: Row) -> bool:
        return self._stage.feed(row.inner)

    def step(self, rows: Sequence[Row]) -> list[int | None]:
        drawn = self._stage.step([row.inner for row in rows])
        for row, token in zip(rows, drawn, strict=True):
            row.said += [] if token is None else [token]
        return drawn

    def release(self, row: Row) -> None:
        self._stage.release(row.inner)


class Engine:
    def __init__(self) -> None:
        def written(stages: Stages) -> Stages:
            self.written = Written(stages.tokens)
            return replace(stages, tokens=self.written)

        self.inner = LocalEngine(load(), EngineOptions(max_utterances=COMPANY, deterministic=True), written)

    def speak(self, seed: int) -> NDArray[np.float32]:
        first = seed * SENTENCES
        text = " ".join(TEXTS[(first + n) % len(TEXTS)] for n in range(SENTENCES))
        spoken = events(self.inner, Utterance(id=f"{seed}", seed=seed), text, 120.0)
        return np.concatenate([event.samples for event in spoken if isinstance(event, AudioChunk)])

    def take_tokens(self) -> dict[tuple[int, int], list[int]]:
        taken = dict(self.written.tokens)
        self.written.tokens.clear()
        return taken


def test_the_same_seed_says_the_same_alone_and_among_ten_others() -> None:
    engine = Engine()
    with contextlib.closing(engine.inner), ThreadPoolExecutor(COMPANY) as pool:
        alone = [engine.speak(seed) for seed in range(COMPANY)]
        expected = engine.take_tokens()
        together = list(pool.map(engine.speak, range(COMPANY)))
        found = engine.take_tokens()
    assert sum(map(len, expected.values())) >= TOKENS
    assert found == expected
    for one, among_others in zip(alone, together, strict=True):
        np.testing.assert_allclose(among_others, one, atol=1e-4)
