"""Text of the embedded voice: spelled out in a-z, one token a character."""

from __future__ import annotations

from pathlib import Path

from engine.text.frontend import TextConfig
from engine.text.normalize import normalize, traced
from engine.text.segmenter import split_long
from engine.text.tokenized import TokenizedText
from engine.text.tokenizer import TextTokenizer
from engine.text.words import WrittenWord, per_piece, written_words


class SpelledText(TokenizedText):
    def __init__(self, config: TextConfig, directory: Path) -> None:
        super().__init__(config, TextTokenizer(directory / "tokenizer.json"))

    def pieces(self, text: str, language: str) -> list[str]:
        return split_long(normalize(text), self._config.max_chars)

    @property
    def knows_words(self) -> bool:
        return True

    def words(self, text: str, language: str) -> list[tuple[WrittenWord, ...]]:
        spoken = traced(text)
        pieces = split_long(spoken.text, self._config.max_chars)
        return list(per_piece(written_words(text, spoken), spoken.text, pieces))
