"""What every text front end shares: a configuration, a tokenizer, and what follows from the two."""

from __future__ import annotations

from engine.text.frontend import TextConfig, choose_language
from engine.text.tokenizer import TextTokenizer
from engine.text.words import WrittenWord


class TokenizedText:
    """All of `TextFrontEnd` but `pieces`."""

    def __init__(self, config: TextConfig, tokenizer: TextTokenizer) -> None:
        self._config = config
        self._tokenizer = tokenizer

    @property
    def languages(self) -> tuple[str, ...]:
        return self._config.languages

    @property
    def vocab_size(self) -> int:
        return self._tokenizer.vocab_size

    def language(self, wanted: str) -> str:
        return choose_language(wanted, self.languages)

    @property
    def knows_words(self) -> bool:
        return False

    def words(self, text: str, language: str) -> list[tuple[WrittenWord, ...]]:
        raise NotImplementedError

    def encode(self, piece: str, language: str) -> list[int]:
        return self._tokenizer.encode(piece)
