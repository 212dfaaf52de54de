"""Words and how they are said. A word may be said in several ways, by its part of speech or at the end of a phrase.

The file is text in xz, a line a word, sorted, each as the length of what it shares with the word before and the rest:
`3ain<tab>ʌbstˈAn`. Ways beside the first follow as `<tab>TAG=phonemes`. A line that begins with a capital is what the
word is when it is written with one. Inflected forms that follow the rules of `inflections` need no line.
"""

from __future__ import annotations

import lzma
import re
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import ModelError

AT_END = "END"  # the way in which a word is said before a mark
_LINE = re.compile(r"(\d+)(\D[^\t]*|)\t([^\t]+)((?:\t[A-Z]+=[^\t]+)*)")
_DOUBLED = re.compile(r"([bcdgklmnprstvxz])\1$")
_FLAPPING = frozenset("AIOWYiuæɑəɛɪɹʊʌ")  # a t between one of these and a vowel is a flap


@dataclass(frozen=True)
class Entry:
    phonemes: str
    ways: dict[str, str] = field(default_factory=dict)  # tag -> phonemes

    def said(self, tag: str, at_end: bool) -> str:
        """`tag` is a part of speech of the Penn Treebank, or "" where that is not known."""
        if not self.ways:
            return self.phonemes
        if at_end and AT_END in self.ways:
            return self.ways[AT_END]
        return self.ways.get(tag) or self.ways.get(word_class(tag)) or self.phonemes


def word_class(tag: str) -> str:
    """'VBD' -> 'VERB'"""
    return {"VB": "VERB", "NN": "NOUN", "RB": "ADV", "JJ": "ADJ"}.get(tag[:2], tag)


class Lexicon:
    def __init__(self, entries: dict[str, Entry]) -> None:
        self._entries = entries

    @classmethod
    def read(cls, path: Path) -> Lexicon:
        """Raises ModelError."""
        try:
            lines = lzma.decompress(path.read_bytes()).decode().splitlines()
        except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
            raise ModelError(f"{path} is no lexicon: {error}") from error
        return cls(_parsed(lines, path))

    def write(self, path: Path) -> None:
        path.write_bytes(lzma.compress("\n".join(_lines(self._entries)).encode(), preset=9 | lzma.PRESET_EXTREME))

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def ambiguous(self) -> frozenset[str]:
        """Words whose part of speech matters."""
        return frozenset(word for word, entry in self._entries.items() if entry.ways.keys() - {AT_END})

    def entry(self, word: str) -> Entry | None:
        """The word as it is listed, or as a form of a listed one; None where it is unknown."""
        return self._entries.get(word) or self.inflected(word)

    def inflected(self, word: str) -> Entry | None:
        """What the rules make of a listed word's possessive, plural, past or -ing form."""
        for stems, ending in ((_before_s, with_s), (_before_ed, _with_ed), (_before_ing, _with_ing)):
            for stem in stems(word):
                if len(stem) > 1 and (entry := self._entries.get(stem)) is not None:
                    ways = {tag: ending(phonemes) for tag, phonemes in entry.ways.items() if tag != AT_END}
                    return Entry(ending(entry.phonemes), ways)
        return None


def _before_s(word: str) -> list[str]:
    if word.endswith("s'"):
        return [word[:-2], *_before_s(word[:-1])]
    if len(word) < 3 or not word.endswith("s"):
        return []
    stems = [] if word.endswith("ss") else [word[:-1]]
    if word.endswith("'s"):
        stems.append(word[:-2])
    elif word.endswith("ies") and len(word) > 4:
        stems.append(word[:-3] + "y")
    elif word.endswith("es") and len(word) > 4:
        stems.append(word[:-2])
    return stems


def _before_ed(word: str) -> list[str]:
    if len(word) < 4 or not word.endswith("ed"):
        return []
    return [word[:-1]] if word.endswith("eed") else [word[:-1], word[:-2]]


def _before_ing(word: str) -> list[str]:
    if len(word) < 5 or not word.endswith("ing"):
        return []
    stem = word[:-3]
    stems = ([stem] if len(word) > 5 else []) + [stem + "e"]
    return [*stems, stem[:-1]] if len(word) > 5 and _DOUBLED.search(stem) else stems


def with_s(stem: str) -> str:
    if stem[-1] in "szʃʒʧʤ":
        return stem + "ᵻz"
    return stem + ("s" if stem[-1] in "ptkfθ" else "z")


def _with_ed(stem: str) -> str:
    if stem[-1] == "t":
        return _flapped(stem) + "ᵻd"
    if stem[-1] == "d":
        return stem + "ᵻd"
    return stem + ("t" if stem[-1] in "pkfθʃsʧ" else "d")


def _with_ing(stem: str) -> str:
    return _flapped(stem) + "ɪŋ"


def _flapped(stem: str) -> str:
    return stem[:-1] + "T" if len(stem) > 1 and stem[-1] == "t" and stem[-2] in _FLAPPING else stem


def _parsed(lines: list[str], path: Path) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    word = ""
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ModelError(f"{path}, line {number}: not 'shared length, rest, tab, phonemes': {line!r}")
        word = word[: int(match[1])] + match[2]
        ways = dict(way.split("=") for way in match[4].split("\t")[1:])
        entries[word] = Entry(match[3], ways)
    return entries


def _lines(entries: dict[str, Entry]) -> list[str]:
    lines, before = [], ""
    for word, entry in sorted(entries.items()):
        shared = next((i for i, (one, other) in enumerate(zip(before, word, strict=False)) if one != other), None)
        length = min(len(before), len(word)) if shared is None else shared
        ways = "".join(f"\t{tag}={phonemes}" for tag, phonemes in entry.ways.items())
        lines.append(f"{length}{word[length:]}\t{entry.phonemes}{ways}")
        before = word
    return lines
