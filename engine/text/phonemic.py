"""Text of the embedded voice: English as phonemes, one token a sound or mark."""

from __future__ import annotations

from pathlib import Path

from engine.text.frontend import TextConfig
from engine.text.normalize import traced
from engine.text.phonemes import English
from engine.text.segmenter import split_long
from engine.text.tokenized import TokenizedText
from engine.text.tokenizer import TextTokenizer
from engine.text.traced import Traced
from engine.text.words import WrittenWord, per_piece, written_words


class PhonemicText(TokenizedText):
    def __init__(self, config: TextConfig, directory: Path) -> None:
        super().__init__(config, TextTokenizer(directory / "tokenizer.json"))
        self._english = English.read(directory)

    def pieces(self, text: str, language: str) -> list[str]:
        return split_long(self._said(text).text, self._config.max_chars)

    @property
    def knows_words(self) -> bool:
        return True

    def words(self, text: str, language: str) -> list[tuple[WrittenWord, ...]]:
        said = self._said(text)
        pieces = split_long(said.text, self._config.max_chars)
        return list(per_piece(written_words(text, said), said.text, pieces))

    def _said(self, text: str) -> Traced:
        return self._english.phonemes(traced(text), text)
