"""Text of the embedded voice: spelled out in a-z, one token a character."""

from __future__ import annotations

from pathlib import Path

from engine.text.frontend import TextConfig
from engine.text.normalize import normalize
from engine.text.segmenter import split_long
from engine.text.tokenized import TokenizedText
from engine.text.tokenizer import TextTokenizer


class SpelledText(TokenizedText):
    def __init__(self, config: TextConfig, directory: Path) -> None:
        super().__init__(config, TextTokenizer(directory / "tokenizer.json"))

    def pieces(self, text: str, language: str) -> list[str]:
        return split_long(normalize(text), self._config.max_chars)
