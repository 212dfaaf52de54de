"""Words that are said otherwise than the model would say them: a server's lexicon, and what a request adds to it.

A word is matched as a whole and without regard to case: no letter or digit stands directly before or behind it. While
the normaliser runs, a letter of a script that nobody writes any more stands in its place, so that the rules round it
see one word; then what is to be said takes that place. Which written word it came from is kept all the way.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.errors import InvalidRequest
from engine.messages import Pronunciation
from engine.text.traced import Traced

FIRST_PLACE, LAST_PLACE = "\U00010600", "\U0001073f"  # Linear A
PLACES = f"{FIRST_PLACE}-{LAST_PLACE}"  # inside a character class
_STRAY = re.compile(f"[{PLACES}]")
_MOST_PLACES = ord(LAST_PLACE) - ord(FIRST_PLACE) + 1  # in one text; what is more is said as the model would
_RUN = re.compile(r"[^\W_]+")
_LATIN = re.compile("[A-Za-z0-9]")


@dataclass(frozen=True)
class Placed:
    """A text with places for the words that have a pronunciation."""

    text: Traced
    said: dict[str, Pronunciation]  # by the character in its place


@dataclass(frozen=True)
class _Entry:
    before: str  # of the word, in small letters: up to its first letters or digits
    behind: str  # and from there
    pronunciation: Pronunciation


class Unfinished(Exception):
    """Some of what a text needs was worked out, and is remembered: ask again."""


class Pronunciations:
    """Immutable. Of two for the same word the later one counts, and all of them before those of `base`."""

    def __init__(
        self,
        listed: Sequence[Pronunciation] = (),
        base: Pronunciations | None = None,
        *,
        at_once_s: float = math.inf,
    ) -> None:
        """`at_once_s`: for so long a text front end works out how they are said, and then raises Unfinished."""
        self.at_once_s = at_once_s
        self._base = base
        entries: dict[str, _Entry] = {}
        for pronunciation in listed:
            word = pronunciation.word.lower()
            run = _RUN.search(word)
            assert run is not None, "checked before"
            entries[word] = _Entry(word[: run.start()], word[run.start() :], pronunciation)
        self._entries: dict[str, list[_Entry]] = defaultdict(list)  # by the first letters or digits
        for word, entry in sorted(entries.items(), key=lambda item: -len(item[0])):
            self._entries[_RUN.search(word)[0]].append(entry)  # type: ignore[index]

    def __bool__(self) -> bool:
        return bool(self._entries) or bool(self._base)

    def placed(self, text: str) -> Placed:
        """In time proportional to the text."""
        traced = Traced.of(text).sub(_STRAY, "")
        if not self:
            return Placed(traced, {})
        said: dict[str, Pronunciation] = {}
        places: dict[str, str] = {}
        found: list[tuple[int, int, str]] = []
        for begin, end, pronunciation in self._found(traced.text):
            word = pronunciation.word.lower()
            if word not in places and len(places) < _MOST_PLACES:
                places[word] = chr(ord(FIRST_PLACE) + len(places))
                said[places[word]] = pronunciation
            if word in places:
                found.append((begin, end, places[word]))
        return Placed(traced.replaced(found), said)

    def _found(self, text: str) -> Iterator[tuple[int, int, Pronunciation]]:
        small = text.lower()
        if len(small) != len(text):  # the small form of some capitals takes two characters
            small = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
        done = 0
        for run in _RUN.finditer(small):
            for entry in self._starting_with(run[0]):
                begin, end = run.start() - len(entry.before), run.start() + len(entry.behind)
                if begin < done or small[begin:end] != entry.before + entry.behind:
                    continue
                if not _alnum(small[begin - 1 : begin] if begin else "") and not _alnum(small[end : end + 1]):
                    yield begin, end, entry.pronunciation
                    done = end
                    break

    def _starting_with(self, run: str) -> Iterator[_Entry]:
        yield from self._entries.get(run, ())
        if self._base is not None:
            yield from self._base._starting_with(run)


NONE = Pronunciations()


def _alnum(char: str) -> bool:
    return char.isalnum()


def check_latin(pronunciations: Sequence[Pronunciation], field: str) -> None:
    """For models that know the letters a-z only. Raises InvalidRequest."""
    for index, pronunciation in enumerate(pronunciations):
        spoken = pronunciation.respelling
        if spoken and not _LATIN.search(unicodedata.normalize("NFKD", spoken)):
            raise InvalidRequest(f"{field}[{index}].respelling", f"{spoken!r} has no letter a-z and no digit")
