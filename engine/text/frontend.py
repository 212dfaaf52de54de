"""What a model's text front end is to the rest: text as it was sent -> speakable pieces -> text tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.errors import InvalidRequest
from engine.messages import Pronunciation
from engine.text.pronunciations import NONE, Pronunciations
from engine.text.segmenter import SegmenterConfig
from engine.text.words import WrittenWord

_QUOTED = 64  # characters of what a request asks for


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """How text becomes segments, and what a segment may cost."""

    front_end: str  # "phonemes" (the embedded voice), "spelled", "english", "multilingual" or "gpt2"
    normalize: bool = True  # English numbers, abbreviations and symbols become words
    max_chars: int  # of a piece, normalised
    max_text_tokens: int  # of a piece
    base_tokens: int  # runaway guard: n text tokens get base_tokens + tokens_per_text_token * n speech tokens,
    tokens_per_text_token: float
    max_tokens: int  # and never more than this
    sentence_pause_ms: int  # silence between a sentence and what follows
    clause_pause_ms: int  # silence after a segment that was cut inside a sentence
    languages: tuple[str, ...]  # the first is the default
    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)


class TextFrontEnd(Protocol):
    """Immutable after construction, used from several threads."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes that `language` takes; the first is the default."""
        ...

    @property
    def vocab_size(self) -> int:
        """Every id is below it; a model needs an embedding for each."""
        ...

    def language(self, wanted: str) -> str:
        """The code for what a request asks for: "" is the default, 'pt-BR' is 'pt'. Loads nothing.

        Raises InvalidRequest where the model does not have it, Unsupported where this installation lacks a package."""
        ...

    @property
    def takes_phonemes(self) -> bool:
        """Whether a pronunciation may be phonemes; respellings are taken by all."""
        ...

    def check(self, pronunciations: Sequence[Pronunciation], field: str) -> None:
        """Raises InvalidRequest that names a part of `field`, Unsupported for phonemes that this model cannot say."""
        ...

    def pieces(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        """Prepared text, cut so that each piece fits into a segment of T3; none at all where nothing is speakable."""
        ...

    @property
    def knows_words(self) -> bool:
        """Whether `words` can tell. If so, a piece has one text token a character."""
        ...

    def words(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[tuple[WrittenWord, ...]]:
        """The words of the text in each of its `pieces`."""
        ...

    def encode(self, piece: str, language: str) -> list[int]:
        """Text tokens of one of these pieces, without T3's start and stop. Raises EmptyText when there are none."""
        ...


def choose_language(wanted: str, languages: tuple[str, ...]) -> str:
    """One of `languages`: the same code, or else the same language of another region. Raises InvalidRequest."""
    if not wanted:
        return languages[0]
    for same in (str.lower, _primary):
        for code in languages:
            if same(code) == same(wanted):
                return code
    raise InvalidRequest(
        "config.language_code", f"unknown language {wanted[:_QUOTED]!r}; possible: {', '.join(languages)}"
    )


def _primary(code: str) -> str:
    return code.replace("_", "-").split("-")[0].lower()
