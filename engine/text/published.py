"""Text of the published models: base, multilingual, Turbo and Nano.

normaliser (English numbers, abbreviations) -> punctuation of the reference -> pieces -> tokens. What no token stands
for becomes [UNK], as in the reference; a piece of nothing but [UNK] and punctuation is not spoken. A text cannot name
the tokens that frame and steer: [STOP] or [zh] lose their brackets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.errors import ModelError
from engine.text.frontend import TextConfig
from engine.text.languages import LanguageSteps, Step
from engine.text.lengths import split_long
from engine.text.normalize import write_out
from engine.text.pronunciations import NONE, Pronunciations
from engine.text.published_punctuation import BASE, GPT2, MULTILINGUAL, Punctuation
from engine.text.tokenized import TokenizedText
from engine.text.tokenizer import SPACE, UNKNOWN, TextTokenizer

GRAPHEMES = ("grapheme_mtl_merged_expanded_v1.json", "mtl_tokenizer.json")
_CONTROLS = ("[START]", "[STOP]", UNKNOWN, SPACE, "[PAD]", "[SEP]", "[CLS]", "[MASK]", "[cj_.]")


class PublishedText(TokenizedText):
    """What the front ends share; `_written` is what they differ in."""

    def __init__(self, config: TextConfig, tokenizer: TextTokenizer, punctuation: Punctuation) -> None:
        super().__init__(config, tokenizer)
        self._punctuation = punctuation
        controls = {*_CONTROLS, *(f"[{code}]" for code in config.languages)}
        self._tags = tokenizer.tags - controls
        known = [re.escape(control) for control in controls if tokenizer.id_of(control) is not None]
        self._controls = re.compile("|".join([*known, r"\[cj_.\]"]), re.IGNORECASE)
        self._has_unknown = tokenizer.id_of(UNKNOWN) is not None

    def pieces(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        placed = pronunciations.placed(self._without_controls(text))
        text = placed.text.text
        if self._config.normalize and language == "en":
            text = write_out(text, self._tags)
        for place, pronunciation in placed.said.items():
            text = text.replace(place, self._without_controls(pronunciation.respelling))
        text = self._punctuation.apply(text)
        pieces = [piece for piece in self._cut(text, language, self._config.max_chars) if self._speaks(piece, language)]
        return [self._punctuation.framed(piece, last=piece is pieces[-1]) for piece in pieces]

    def encode(self, piece: str, language: str) -> list[int]:
        return self._tokenizer.encode(self._written(piece, language))

    def _without_controls(self, text: str) -> str:
        return self._controls.sub(lambda match: match[0][1:-1], text)

    def _written(self, piece: str, language: str) -> str:
        """What the tokenizer reads."""
        raise NotImplementedError

    def _cut(self, text: str, language: str, max_chars: int) -> Iterator[str]:
        """Pieces of at most `max_chars` characters; shorter ones where a piece takes too many tokens."""
        for piece in split_long(text, max_chars):
            framed = self._punctuation.framed(piece, last=True)
            if len(piece) > 1 and len(self.encode(framed, language)) > self._config.max_text_tokens:
                yield from self._cut(piece, language, max_chars // 2)
            else:
                yield piece

    def _speaks(self, piece: str, language: str) -> bool:
        """Whether a tag is in it, or a letter or digit that the vocabulary has."""
        if any(tag in piece for tag in self._tags):
            return True
        if not any(map(str.isalnum, piece)):
            return False
        return not self._has_unknown or not self._tokenizer.mute.issuperset(self.encode(piece, language))


class EnglishText(PublishedText):
    """The base model: capitals count, spaces are a token."""

    def __init__(self, config: TextConfig, directory: Path) -> None:
        super().__init__(config, TextTokenizer(directory / "tokenizer.json"), BASE)

    def _written(self, piece: str, language: str) -> str:
        return piece.replace(" ", SPACE)


class Gpt2Text(PublishedText):
    """Turbo and Nano: bytes in, with tags such as [laugh]."""

    def __init__(self, config: TextConfig, directory: Path) -> None:
        super().__init__(config, TextTokenizer(directory), GPT2)

    def _written(self, piece: str, language: str) -> str:
        return piece


class MultilingualText(PublishedText):
    """The multilingual model: lower case, decomposed characters, a tag for the language, spaces are a token."""

    def __init__(self, config: TextConfig, directory: Path, steps: Mapping[str, Step] | None = None) -> None:
        files = [directory / name for name in GRAPHEMES]
        file = next((file for file in files if file.is_file()), files[0])
        super().__init__(config, TextTokenizer(file), MULTILINGUAL)
        self._steps = LanguageSteps(directory, steps)
        if missing := [code for code in config.languages if self._tokenizer.id_of(f"[{code}]") is None]:
            raise ModelError(f"{file} has no tokens for the languages {missing}")

    def language(self, wanted: str) -> str:
        language = super().language(wanted)
        self._steps.check(language)
        return language

    def _written(self, piece: str, language: str) -> str:
        decomposed = unicodedata.normalize("NFKD", piece.lower())
        return f"[{language}]{self._steps(language, decomposed)}".replace(" ", SPACE)
