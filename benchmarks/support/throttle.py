"""Stages that take at least a stated time: a slower machine than the one at hand, for benchmarks of the scheduler.

    T3     token k of a segment is not released before t0 + k * token_s; t0 is the end of its text's prefill
    flow   a window lasts at least call_s, and frame_s for every frame it computes beyond free_frames

The schedule of T3 is absolute: what the step itself takes counts inside, and a late step is caught up. A segment that
nobody asked a token of for longer than a token lasts has stood still, and its schedule moves on by that time.
How many frames a window computes follows from the form of the flow: `cumulative` runs the prompt and all of the segment
so far each time, `windowed` a fixed history, `cached` what is new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.engine import Wrap
from engine.model import Model
from engine.scheduling.jobs import FlowWork, MelStage, Row, SegmentJob, Stages, TokenStage
from engine.text.pronunciations import NONE, Pronunciations
from engine.text.words import WrittenWord

Frames = Callable[[Any, int, FlowWork], int]  # of (voice, tokens of the segment before the window, the window)


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """Seconds; all zero: nothing is slower than it is."""

    token_s: float = 0.0
    call_s: float = 0.0
    frame_s: float = 0.0
    free_frames: int = 0

    def window_s(self, frames: int) -> float:
        return self.call_s + self.frame_s * max(0, frames - self.free_frames)

    def wrap(self, model: Model) -> Wrap:
        """What `LocalEngine` puts around its stages."""
        frames = frames_of(model)
        return lambda stages: Stages(
            SlowTokens(stages.tokens, self.token_s), SlowMel(stages.mel, self, frames), stages.sound
        )


def frames_of(model: Model) -> Frames:
    """How many frames the flow's solver runs over in a window."""
    config, ratio = model.config.flow, model.flow.ratio

    def frames(voice: Any, spoken: int, work: FlowWork) -> int:
        rest, prompt = voice.flow.rest.tokens.shape[1], voice.flow.whole.tokens.shape[1]
        before = {
            "cached": 0 if spoken else rest,
            "windowed": rest + min(spoken, config.history_tokens),
            "cumulative": prompt + spoken,
        }[config.form]
        return ratio * (int(before) + work.n_new)

    return frames


@dataclass(eq=False)
class _SlowRow:
    """A row with its schedule; what else a row has is the inner one's."""

    inner: Any
    due_s: float = 0.0  # when its last token was due
    warning: str = ""
    attention: NDArray[np.float32] | None = None


class SlowTokens:
    """A TokenStage whose rows draw a token every `token_s`, the one that stops them included."""

    def __init__(self, stage: TokenStage, token_s: float) -> None:
        self._stage = stage
        self._token_s = token_s

    def speakable(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        return self._stage.speakable(text, language, pronunciations)

    def words(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[tuple[WrittenWord, ...]]:
        return self._stage.words(text, language, pronunciations)

    def begin(self, job: SegmentJob) -> Row:
        return _SlowRow(self._stage.begin(job))

    def feed(self, row: _SlowRow) -> bool:
        complete = self._stage.feed(row.inner)
        row.due_s = time.monotonic()
        return complete

    def step(self, rows: Sequence[_SlowRow]) -> list[int | None]:
        asked_s = time.monotonic()
        tokens = self._stage.step([row.inner for row in rows])
        for row in rows:
            stood_still = asked_s - row.due_s > self._token_s
            row.due_s = (asked_s if stood_still else row.due_s) + self._token_s
            row.warning, row.attention = row.inner.warning, row.inner.attention
        _sleep_until(max((row.due_s for row in rows), default=0.0))
        return tokens

    def release(self, row: _SlowRow) -> None:
        self._stage.release(row.inner)


@dataclass(frozen=True)
class _Spoken:
    """The inner stage's state, and what the cost of the next window depends on."""

    inner: Any
    voice: Any
    segment: int = -1
    tokens: int = 0  # of the segment so far

    def before(self, work: FlowWork) -> int:
        """Tokens of the segment before the window."""
        return self.tokens if work.segment == self.segment else 0


class SlowMel:
    """A MelStage whose windows last at least what the throttle says for the frames they compute."""

    def __init__(self, stage: MelStage, throttle: Throttle, frames: Frames) -> None:
        self._stage = stage
        self._throttle = throttle
        self._frames = frames

    def open(self, voice: Any, seed: int) -> _Spoken:
        return _Spoken(self._stage.open(voice, seed), voice)

    def alike(self, state: _Spoken, work: FlowWork) -> Hashable:
        return self._stage.alike(state.inner, work)

    def run(self, states: Sequence[_Spoken], works: Sequence[FlowWork]) -> list[tuple[Any, _Spoken]]:
        started_s = time.monotonic()
        done = self._stage.run([state.inner for state in states], works)
        pairs = list(zip(states, works, strict=True))
        frames = sum(self._frames(state.voice, state.before(work), work) for state, work in pairs if work.n_new)
        _sleep_until(started_s + (self._throttle.window_s(frames) if frames else 0.0))
        return [
            (mel, _Spoken(inner, state.voice, work.segment, state.before(work) + work.n_new))
            for (mel, inner), (state, work) in zip(done, pairs, strict=True)
        ]


def _sleep_until(instant_s: float) -> None:
    left_s = instant_s - time.monotonic()
    if left_s > 0:
        time.sleep(left_s)
