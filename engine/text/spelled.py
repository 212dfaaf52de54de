"""Text of the embedded voice: spelled out in a-z, one token a character."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.messages import Pronunciation
from engine.text.frontend import TextConfig
from engine.text.lengths import split_long
from engine.text.normalize import normalize, traced
from engine.text.pronunciations import NONE, Pronunciations, check_latin
from engine.text.tokenized import TokenizedText
from engine.text.tokenizer import TextTokenizer
from engine.text.traced import Traced
from engine.text.words import WrittenWord, per_piece, written_words


class SpelledText(TokenizedText):
    def __init__(self, config: TextConfig, directory: Path) -> None:
        super().__init__(config, TextTokenizer(directory / "tokenizer.json"))

    def check(self, pronunciations: Sequence[Pronunciation], field: str) -> None:
        super().check(pronunciations, field)
        check_latin(pronunciations, field)

    def pieces(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        return split_long(_said(text, pronunciations).text, self._config.max_chars)

    @property
    def knows_words(self) -> bool:
        return True

    def words(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[tuple[WrittenWord, ...]]:
        said = _said(text, pronunciations)
        pieces = split_long(said.text, self._config.max_chars)
        return list(per_piece(written_words(text, said), said.text, pieces))


def _said(text: str, pronunciations: Pronunciations) -> Traced:
    placed = pronunciations.placed(text)
    spoken = traced(placed.text)
    respelled = {place: normalize(_joined(each.respelling)) for place, each in placed.said.items()}
    return spoken.each(lambda char: respelled.get(char, char)) if respelled else spoken


def _joined(respelling: str) -> str:
    """Syllables between hyphens are one word, and capitals in them are no acronym."""
    return respelling.replace("-", "").lower()
