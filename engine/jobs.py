"""What the workers ask of the stages: plain data and two protocols, so that the pipeline knows no tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class SegmentJob:
    """A segment to begin in T3."""

    text: str  # one of the stage's own pieces
    voice: Any  # prepared
    language: str
    sampling: Mapping[str, float]
    seed: int
    segment: int


class Row(Protocol):
    """One segment in T3."""

    warning: str  # what the listener should know once the row has stopped; "" = nothing
    error: Exception | None  # what broke it in a step; the other rows of that step are as they should be


class TokenStage(Protocol):
    """Text -> speech tokens. All rows step together; a row that is left out of a step stands still."""

    def speakable(self, text: str, language: str) -> list[str]:
        """Prepared pieces, none longer than a segment may be; none at all where nothing can be spoken."""
        ...

    def begin(self, job: SegmentJob) -> Row:
        """Takes a row for a segment, to be fed before it is stepped."""
        ...

    def feed(self, row: Any) -> bool:
        """Runs some of the row's text, for about as long as a step takes; True once all of it was run."""
        ...

    def step(self, rows: Sequence[Any]) -> list[int | None]:
        """One token for each row; None for a row that has stopped or broken."""
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

    def open(self, voice: Any, seed: int) -> Any: ...

    def window(self, state: Any, work: AudioWindow) -> tuple[NDArray[np.float32], Any, int]:
        """Audio, the state that follows (the one given stays as it is), and when the mel was complete."""
        ...
