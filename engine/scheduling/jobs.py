"""What the workers ask of the stages: plain data and three protocols, so that the pipeline knows no tensor."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.text.pronunciations import NONE, Pronunciations
from engine.text.words import WrittenWord


@dataclass(frozen=True, kw_only=True)
class SegmentJob:
    """A segment to begin in T3."""

    text: str  # one of the stage's own pieces
    voice: Any  # prepared
    language: str
    sampling: Mapping[str, float]
    seed: int
    segment: int
    aligned: bool = False  # each token's attention over the text is wanted
    tokens: tuple[int, ...] = ()  # that it begins with, whatever is drawn


class Row(Protocol):
    """One segment in T3."""

    warning: str  # what the listener should know once the row has stopped; "" = nothing
    attention: NDArray[np.float32] | None  # [N] of the last token over T3's text; None: not wanted, or not known


class TokenStage(Protocol):
    """Text -> speech tokens. All rows step together; a row that is left out of a step does not advance."""

    def speakable(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        """Prepared pieces, none longer than a segment may be; none at all where nothing can be spoken.

        Raises Unfinished where `pronunciations` ask to."""
        ...

    def words(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[tuple[WrittenWord, ...]]:
        """The words of the text in T3's text of each of its `speakable` pieces, for models with alignment."""
        ...

    def begin(self, job: SegmentJob) -> Row:
        """Takes a row for a segment, to be fed before it is stepped."""
        ...

    def feed(self, row: Any) -> bool:
        """Runs some of the row's text, for about as long as a step takes; True once all of it was run."""
        ...

    def step(self, rows: Sequence[Any]) -> list[int | None]:
        """One token for each row; None for a row that has stopped."""
        ...

    def release(self, row: Any) -> None: ...


@dataclass(frozen=True, kw_only=True)
class FlowWork:
    """A window: `n_new` tokens, followed by the lookahead that is known."""

    tokens: tuple[int, ...]
    n_new: int
    segment: int
    final: bool  # the segment's last


class MelStage(Protocol):
    """Speech tokens -> mel. Only the stage looks into an utterance's state and into the mel."""

    def open(self, voice: Any, seed: int) -> Any: ...

    def alike(self, state: Any, work: FlowWork) -> Hashable:
        """Windows of several utterances for which this is equal may be run together."""
        ...

    def run(self, states: Sequence[Any], works: Sequence[FlowWork]) -> list[tuple[Any, Any]]:
        """(mel, the state that follows) of each window; the states given stay as they are."""
        ...


@dataclass(frozen=True, kw_only=True)
class VocoderWork:
    """The mel of a committed window."""

    mel: Any
    segment: int
    final: bool  # the segment's last
    ends_sentence: bool  # what the segment is; the pause behind it depends on it
    pause_s: float = 0.0  # before the segment, at least


class SoundStage(Protocol):
    """Mel -> audio."""

    def open(self, voice: Any, seed: int, rate: float = 1.0, spoken: int = 0, owed_pause: int = 0) -> Any:
        """`rate`: of its speech, 2 is twice as fast. `spoken`: samples of speech that were heard before; `owed_pause`:
        of silence that comes first."""
        ...

    def pause(self, state: Any, work: VocoderWork) -> int:
        """Samples of silence that the audio of this mel begins with."""
        ...

    def alike(self, state: Any, work: VocoderWork) -> Hashable:
        """Mels of several utterances for which this is equal may be run together."""
        ...

    def run(self, states: Sequence[Any], works: Sequence[VocoderWork]) -> list[tuple[NDArray[np.float32], Any]]:
        """(audio, possibly none, the state that follows) of each mel."""
        ...


@dataclass(frozen=True)
class Stages:
    """The three stages; each is owned by one worker."""

    tokens: TokenStage
    mel: MelStage
    sound: SoundStage
