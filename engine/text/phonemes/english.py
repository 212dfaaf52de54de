"""English as the normaliser spells it -> phonemes.

Words are looked up from the last to the first, since "the", "a" and "to" depend on the sound that follows, and some
words on whether a mark does. Which of its ways a word is said in depends on its part of speech ("I read", "to live").
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from engine.errors import ModelError
from engine.text.phonemes.lexicon import Lexicon, with_s
from engine.text.phonemes.stress import begins_with_vowel, emphasised, lightly_stressed, spelled_out
from engine.text.phonemes.tagger import Tagger
from engine.text.phonemes.unknown import Letters
from engine.text.pronunciations import PLACES
from engine.text.traced import Traced

LEXICON, NETWORKS = "lexicon.xz", "pronunciation.safetensors"
_TOKEN = re.compile(f"[a-z']+|[{PLACES}](?:'s)?|[,.?!]")
_REMEMBERED = 4_096  # words that the network has said
_ALWAYS_TAGGED = frozenset({"in", "used"})
_MARKS = frozenset(",.?!")
_BEFORE_SOUNDS = {  # before a vowel, before a consonant, before a mark
    "the": ("ði", "ðə", "ðə"),
    "to": ("tʊ", "tə", "tu"),
    "a": ("ɐ", "ɐ", "ɐ"),
    "an": ("ɐn", "ɐn", "ɐn"),
    "am": ("ɐm", "ɐm", "æm"),
    "i": ("ˌI", "ˌI", "ˌI"),
    "ay": ("ˈA", "ˈA", "ˈA"),
}

Phonemes = Mapping[str, str]  # of words in lower case, or of the places of words


class English:
    """Immutable after construction but for what it remembers; used from several threads."""

    def __init__(self, lexicon: Lexicon, tagger: Tagger, letters: Letters) -> None:
        self._lexicon = lexicon
        self._tagger = tagger
        self._letters = letters
        self._ambiguous = lexicon.ambiguous | _ALWAYS_TAGGED
        self._unknown = lru_cache(_REMEMBERED)(letters.said)

    @classmethod
    def read(cls, directory: Path) -> English:
        """Raises ModelError."""
        tagger, letters = read_networks(directory / NETWORKS)
        return cls(Lexicon.read(directory / LEXICON), tagger, letters)

    def phonemes(self, spoken: Traced, written: str, pronunciations: Phonemes | None = None) -> Traced:
        """`spoken` is what the normaliser made of `written`; the result is traced to `written` as well.

        `pronunciations` come before everything else."""
        words = [_Word(match[0], match.span(), spoken.span(*match.span())) for match in _TOKEN.finditer(spoken.text)]
        said = self._said(words, written, pronunciations or {})
        texts, spans, done = list[str](), list[tuple[int, int]](), 0
        for index, (word, phonemes) in enumerate(zip(words, said, strict=True)):
            if not index or not _is_one_acronym(words[index - 1], word):
                texts.append(spoken.text[done : word.place[0]])
                spans += spoken.spans[done : word.place[0]]
            texts.append(phonemes)
            spans += [word.source] * len(phonemes)
            done = word.place[1]
        return Traced("".join([*texts, spoken.text[done:]]), spans + spoken.spans[done:])

    def _said(self, words: list[_Word], written: str, pronunciations: Phonemes) -> list[str]:
        said = [word.text for word in words]
        tags = self._tags(said)
        vowel: bool | None = None  # whether the next sound is one; None: a mark is next, or the end
        for index in range(len(words) - 1, -1, -1):
            word = words[index].text
            if word in _MARKS:
                vowel = None
                continue
            following = words[index + 1].text if index + 1 < len(words) else ""
            if word.removesuffix("'s") in pronunciations:
                known = pronunciations[word.removesuffix("'s")]
                said[index] = with_s(known) if word.endswith("'s") else known
            else:
                said[index] = self._word(words[index], tags.get(index, ""), vowel, following, written)
            begins = begins_with_vowel(said[index])
            vowel = vowel if begins is None and following else begins
        return self._acronyms(words, said)

    def _tags(self, words: list[str]) -> dict[int, str]:
        places = [index for index, word in enumerate(words) if word in self._ambiguous]
        return dict(zip(places, self._tagger.tags(words, places), strict=True))

    def _word(self, word: _Word, tag: str, vowel: bool | None, following: str, written: str) -> str:
        """By the rules for words that depend on what follows, or else by lexicon or network."""
        text = word.text
        if text in _BEFORE_SOUNDS:
            before_vowel, before_consonant, at_end = _BEFORE_SOUNDS[text]
            return at_end if vowel is None else before_vowel if vowel else before_consonant
        if text == "in":
            return "ˈɪn" if vowel is None or tag != "IN" else "ɪn"
        if text == "used":
            return "jˈust" if tag in ("VBD", "JJ") and following == "to" else "jˈuzd"
        entry = self._lexicon.entry(text)
        phonemes = self._unknown(text) if entry is None else entry.said(tag, vowel is None)
        source = written[slice(*word.source)]
        if len(text) > 1 and source.isupper() and source.isalpha() and len(source) == len(text):
            return emphasised(phonemes)
        return lightly_stressed(phonemes) if source[:1].isupper() else phonemes

    @staticmethod
    def _acronyms(words: list[_Word], said: list[str]) -> list[str]:
        """Letters that were written as one word are said as one."""
        first = 0
        for last in range(1, len(words) + 1):
            if last < len(words) and _is_one_acronym(words[last - 1], words[last]):
                continue
            if last - first > 1:
                said[first:last] = map(emphasised, said[first:last])
                stressed = spelled_out(said[first:last])
                for index in range(first, last):
                    length = len(said[index])
                    said[index], stressed = stressed[:length], stressed[length:]
            first = last
        return said


@dataclass(frozen=True)
class _Word:
    """A word or a mark."""

    text: str
    place: tuple[int, int]  # in the spelled text
    source: tuple[int, int]  # in the text as it was written


def _is_one_acronym(one: _Word, other: _Word) -> bool:
    return _is_letter(one.text) and _is_letter(other.text) and other.source[0] <= one.source[1]


def _is_letter(word: str) -> bool:
    return (len(word) == 1 and word not in _MARKS) or word == "ay"


def read_networks(path: Path) -> tuple[Tagger, Letters]:
    """Raises ModelError."""
    try:
        with safe_open(path, framework="pt") as file:
            settings: dict[str, Any] = json.loads(file.metadata()["settings"])
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        networks = nn.ModuleDict({"tagger": Tagger(**settings["tagger"]), "letters": Letters(**settings["letters"])})
        networks.load_state_dict(weights)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} holds no networks for pronunciation: {error}") from error
    networks.eval().requires_grad_(False)
    tagger, letters = networks["tagger"], networks["letters"]
    assert isinstance(tagger, Tagger)
    assert isinstance(letters, Letters)
    return tagger, letters


def write_networks(path: Path, tagger: Tagger, letters: Letters) -> None:
    networks = nn.ModuleDict({"tagger": tagger, "letters": letters})
    weights = {name: tensor.half().contiguous() for name, tensor in networks.state_dict().items()}
    settings = {"tagger": tagger.settings, "letters": letters.settings}
    save_file(weights, path, {"settings": json.dumps(settings)})
