"""Scripted stages: the pipeline without networks. A token is a number, a token's audio is that number, repeated."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.scheduling.jobs import FlowWork, VocoderWork
from engine.text.pronunciations import NONE, Pronunciations
from engine.text.words import WrittenWord

SAMPLES_PER_TOKEN = 4
TOKENS_PER_CHAR = 2


@dataclass
class ScriptedRow:
    remaining: list[int]
    fails: bool
    to_feed: int
    warning: str = ""
    attention: NDArray[np.float32] | None = None


@dataclass
class ScriptedTokens:
    """Speaks every character as TOKENS_PER_CHAR tokens of its code. "@" fails in the prefill, "#" while decoding.

    "~" makes the text take a hundred feeds."""

    step_s: float = 0.0
    gate: threading.Event | None = None  # steps wait for it
    held: int = 0
    steps: int = 0
    order: str = ""  # of feeds ("f") and steps ("s")
    batches: list[int] = field(default_factory=list)  # rows of each step
    log: list[str] = field(default_factory=list)

    def speakable(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        text = text.strip()
        return [text] if any(char.isalnum() or char in "@#$" for char in text) else []

    def words(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[tuple[WrittenWord, ...]]:
        raise AssertionError("asked for nothing but alignment")

    def begin(self, job: object) -> ScriptedRow:
        text = job.text  # type: ignore[attr-defined]
        self.held += 1
        self.log.append(text)
        spoken = [ord(char) for char in text for _ in range(TOKENS_PER_CHAR)]
        spoken[: len(job.tokens)] = job.tokens  # type: ignore[attr-defined]
        return ScriptedRow(spoken, fails="#" in text, to_feed=100 if "~" in text else 1)

    def feed(self, row: ScriptedRow) -> bool:
        if ord("@") in row.remaining:
            raise RuntimeError("scripted prefill failure")
        self.order += "f"
        row.to_feed -= 1
        return not row.to_feed

    def step(self, rows: Sequence[ScriptedRow]) -> list[int | None]:
        if self.gate is not None:
            assert self.gate.wait(10)
        time.sleep(self.step_s)
        self.steps += 1
        self.order += "s"
        self.batches.append(len(rows))
        if any(row.fails for row in rows):
            raise RuntimeError("scripted step failure")
        return [self._step(row) for row in rows]

    def _step(self, row: ScriptedRow) -> int | None:
        return row.remaining.pop(0) if row.remaining else None

    def release(self, row: ScriptedRow) -> None:
        self.held -= 1


@dataclass
class ScriptedMel:
    """A window's mel is its new tokens; "!" fails."""

    window_s: float = 0.0
    windows: list[tuple[int, int, bool]] = field(default_factory=list)  # new tokens, lookahead, final
    batches: list[int] = field(default_factory=list)  # windows of each run

    def open(self, voice: object, seed: int) -> int:
        return 0

    def alike(self, state: int, work: FlowWork) -> Hashable:
        return work.n_new, len(work.tokens), work.final

    def run(self, states: Sequence[int], works: Sequence[FlowWork]) -> list[tuple[list[int], int]]:
        if any(ord("!") in work.tokens[: work.n_new] for work in works):
            raise RuntimeError("scripted window failure")
        time.sleep(self.window_s)
        self.batches.append(len(works))
        self.windows += [(work.n_new, len(work.tokens) - work.n_new, work.final) for work in works]
        return [
            (list(work.tokens[: work.n_new]), state + work.n_new) for state, work in zip(states, works, strict=True)
        ]


@dataclass
class ScriptedSound:
    """The audio of a token is its number, repeated, less often at a higher rate; "$" fails."""

    window_s: float = 0.0
    batches: list[int] = field(default_factory=list)
    pauses_s: list[float] = field(default_factory=list)  # that were asked for before each mel's segment

    def open(self, voice: object, seed: int, rate: float = 1.0, spoken: int = 0, owed_pause: int = 0) -> Any:
        """A state is the rate and the number of tokens so far."""
        return rate, 0

    def pause(self, state: Any, work: VocoderWork) -> int:
        return 0

    def alike(self, state: Any, work: VocoderWork) -> Hashable:
        return len(work.mel), work.final

    def run(self, states: Sequence[Any], works: Sequence[VocoderWork]) -> list[tuple[NDArray[np.float32], Any]]:
        if any(ord("$") in work.mel for work in works):
            raise RuntimeError("scripted vocoder failure")
        time.sleep(self.window_s)
        self.batches.append(len(works))
        self.pauses_s += [work.pause_s for work in works]
        return [
            (_stretched(work.mel, before, rate), (rate, before + len(work.mel)))
            for (rate, before), work in zip(states, works, strict=True)
        ]


def _stretched(tokens: Sequence[int], before: int, rate: float) -> NDArray[np.float32]:
    """The audio of tokens that come behind so many others."""
    each = SAMPLES_PER_TOKEN / rate
    samples = np.arange(round(before * each), round((before + len(tokens)) * each))
    places = ((samples + 0.5) / each).astype(int) - before
    audio: NDArray[np.float32] = np.array(tokens, np.float32)[np.minimum(places, len(tokens) - 1)]
    return audio
