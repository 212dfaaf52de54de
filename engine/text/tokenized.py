"""What every text front end shares: a configuration, a tokenizer, and what follows from the two."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import Unsupported
from engine.messages import Pronunciation
from engine.text.frontend import TextConfig, choose_language
from engine.text.pronunciations import NONE, Pronunciations
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

    def words(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[tuple[WrittenWord, ...]]:
        raise NotImplementedError

    @property
    def takes_phonemes(self) -> bool:
        return False

    def check(self, pronunciations: Sequence[Pronunciation], field: str) -> None:
        for index, pronunciation in enumerate(pronunciations):
            pronunciation.check(f"{field}[{index}]")
            if pronunciation.phonemes and not self.takes_phonemes:
                raise Unsupported(f"{field}[{index}].phonemes: this model takes respellings only")

    def encode(self, piece: str, language: str) -> list[int]:
        return self._tokenizer.encode(piece)
