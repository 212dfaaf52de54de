"""Text of the embedded voice: spelled out in a-z, one token a character."""

from __future__ import annotations

from pathlib import Path

from engine.text.frontend import TextConfig, choose_language
from engine.text.normalize import normalize
from engine.text.segmenter import split_long
from engine.text.tokenizer import TextTokenizer


class SpelledText:
    def __init__(self, config: TextConfig, directory: Path) -> None:
        self._config = config
        self._tokenizer = TextTokenizer(directory / "tokenizer.json")

    @property
    def languages(self) -> tuple[str, ...]:
        return self._config.languages

    @property
    def vocab_size(self) -> int:
        return self._tokenizer.vocab_size

    def language(self, wanted: str) -> str:
        return choose_language(wanted, self.languages)

    def pieces(self, text: str, language: str) -> list[str]:
        return split_long(normalize(text), self._config.max_chars)

    def encode(self, piece: str, language: str) -> list[int]:
        return self._tokenizer.encode(piece)
