"""Text of the embedded voice: English as phonemes, one token a sound or mark."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from engine.errors import InvalidRequest
from engine.messages import Pronunciation
from engine.text.frontend import TextConfig
from engine.text.lengths import split_long
from engine.text.normalize import traced
from engine.text.phonemes import English
from engine.text.phonemes.ipa import symbols
from engine.text.phonemes.stress import emphasised, unstressed
from engine.text.pronunciations import NONE, Pronunciations, Unfinished, check_latin
from engine.text.tokenized import TokenizedText
from engine.text.tokenizer import TextTokenizer
from engine.text.traced import Traced
from engine.text.words import WrittenWord, per_piece, written_words

_REMEMBERED = 4_096  # pronunciations, and words that are in them: to work one out takes up to 30 ms


class PhonemicText(TokenizedText):
    def __init__(self, config: TextConfig, directory: Path) -> None:
        super().__init__(config, TextTokenizer(directory / "tokenizer.json"))
        self._english = English.read(directory)
        self._phonemes = lru_cache(_REMEMBERED)(self._pronounced)
        self._sounds = lru_cache(_REMEMBERED)(self._sounded)

    def pieces(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        return split_long(self._said(text, pronunciations).text, self._config.max_chars)

    @property
    def takes_phonemes(self) -> bool:
        return True

    def check(self, pronunciations: Sequence[Pronunciation], field: str) -> None:
        super().check(pronunciations, field)
        check_latin(pronunciations, field)
        for index, pronunciation in enumerate(pronunciations):
            try:
                self._phonemes(pronunciation) if pronunciation.phonemes else None
            except ValueError as error:
                raise InvalidRequest(f"{field}[{index}].phonemes", str(error)) from error

    @property
    def knows_words(self) -> bool:
        return True

    def words(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[tuple[WrittenWord, ...]]:
        said = self._said(text, pronunciations)
        pieces = split_long(said.text, self._config.max_chars)
        return list(per_piece(written_words(text, said), said.text, pieces))

    def _said(self, text: str, pronunciations: Pronunciations) -> Traced:
        placed = pronunciations.placed(text)
        self._work_out(placed.said.values(), pronunciations.at_once_s)
        said = {place: self._phonemes(pronunciation) for place, pronunciation in placed.said.items()}
        return self._english.phonemes(traced(placed.text), text, said)

    def _work_out(self, pronunciations: Iterable[Pronunciation], at_once_s: float) -> None:
        """Has the words of respellings remembered. Raises Unfinished."""
        ends_s = time.thread_time() + at_once_s
        for pronunciation in pronunciations:
            for word in pronunciation.respelling.split():
                if time.thread_time() > ends_s:
                    raise Unfinished
                self._respelled(word)

    def _pronounced(self, pronunciation: Pronunciation) -> str:
        if pronunciation.phonemes:
            return symbols(pronunciation.phonemes)
        return " ".join(map(self._respelled, pronunciation.respelling.split()))

    def _respelled(self, word: str) -> str:
        """Syllables between hyphens are one word, stressed where a syllable is in capitals, or else on the first."""
        syllables = [part for part in word.split("-") if part]
        if len(syllables) < 2:
            return self._sounds(word)
        loud = next((index for index, part in enumerate(syllables) if part.isupper() and len(part) > 1), 0)
        said = [unstressed(self._sounds(part.lower())) for part in syllables]
        said[loud] = emphasised(said[loud])
        return "".join(said)

    def _sounded(self, word: str) -> str:
        """Without marks: a pronunciation brings no pause."""
        return self._english.phonemes(traced(word), word).text.strip(",.?! ")
