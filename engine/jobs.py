"""What the workers ask of the stages: plain data and two protocols, so that the pipeline knows no tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class SegmentJob:
    """A segment to begin in T3."""

    text: str  # normalised
    voice: str
    sampling: Mapping[str, float]
    seed: int
    segment: int


class Row(Protocol):
    """One segment in T3."""

    warning: str  # what the listener should know once the row has stopped; "" = nothing


class TokenStage(Protocol):
    """Text -> speech tokens."""

    def speakable(self, text: str) -> list[str]:
        """Normalised pieces, none longer than a segment may be; none at all where nothing can be spoken."""
        ...

    def prefill(self, job: SegmentJob) -> Row: ...

    def step(self, row: Any) -> int | None:
        """One token; None once the row has stopped."""
        ...

    def release(self, row: Any) -> None: ...


@dataclass(frozen=True, kw_only=True)
class AudioWindow:
    """A window to speak: `n_new` tokens, followed by the lookahead that is known."""

    tokens: tuple[int, ...]
    n_new: int
    segment: int
    first: bool  # of its segment
    final: bool  # of its segment
    ends_sentence: bool


class AudioStage(Protocol):
    """Speech tokens -> audio. The state of an utterance is the stage's own affair."""

    def open(self, voice: str, seed: int) -> Any: ...

    def window(self, state: Any, work: AudioWindow) -> tuple[NDArray[np.float32], Any, int]:
        """Audio, the state that follows (the one given stays as it is), and when the mel was complete."""
        ...
