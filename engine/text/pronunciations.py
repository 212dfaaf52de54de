"""Words that are said otherwise than the model would say them: a server's lexicon, and what a request adds to it.

A word is matched as a whole and without regard to case: no letter or digit stands directly before or behind it. While
the normaliser runs, a letter of a script that nobody writes any more stands in its place, so that the rules round it
see one word; then what is to be said takes that place. Which written word it came from is kept all the way.

A file is a word a line: `word<tab>respelling` or `word<tab>/phonemes/`; empty lines and lines that begin with "# " do
not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InvalidConfig, InvalidRequest
from engine.text.traced import Traced

FIRST_PLACE, LAST_PLACE = "\U00010600", "\U0001073f"  # Linear A
PLACES = f"{FIRST_PLACE}-{LAST_PLACE}"  # inside a character class
MAX_PRONUNCIATIONS = 100  # of a request
MAX_LEXICON = 10_000  # of a server
MAX_WORD, MAX_SPOKEN = 64, 200  # characters
_STRAY = re.compile(f"[{PLACES}]")
_MOST_PLACES = ord(LAST_PLACE) - ord(FIRST_PLACE) + 1  # in one text; what is more is said as the model would
_RUN = re.compile(r"[^\W_]+")
_LATIN = re.compile("[A-Za-z0-9]")
_LINE = re.compile(r"([^\t]+)\t(?:/([^\t/]+)/|([^\t]+))")


@dataclass(frozen=True, kw_only=True)
class Pronunciation:
    """How one word is said: exactly one of `respelling` and `phonemes` is set."""

    word: str
    respelling: str = ""  # read as other text is: "nuh-VAH-duh"
    phonemes: str = ""  # of the International Phonetic Alphabet


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


class Pronunciations:
    """Immutable. Of two for the same word the later one counts, and all of them before those of `base`."""

    def __init__(self, listed: Sequence[Pronunciation] = (), base: Pronunciations | None = None) -> None:
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


def check(pronunciation: Pronunciation, field: str) -> None:
    """What every model asks of it. Raises InvalidRequest that names a part of `field`."""
    word = pronunciation.word
    if not word or len(word) > MAX_WORD or any(map(str.isspace, word)) or _RUN.search(word.lower()) is None:
        wanted = f"1 to {MAX_WORD} characters without spaces, one of them a letter or digit"
        raise InvalidRequest(f"{field}.word", f"{word[:MAX_WORD]!r} is no word: {wanted}")
    if bool(pronunciation.respelling) == bool(pronunciation.phonemes):
        raise InvalidRequest(f"{field}.spoken", "set either respelling or phonemes, and not to nothing")
    name = "respelling" if pronunciation.respelling else "phonemes"
    spoken = pronunciation.respelling or pronunciation.phonemes
    if len(spoken) > MAX_SPOKEN:
        raise InvalidRequest(f"{field}.{name}", f"{len(spoken)} characters; at most {MAX_SPOKEN} are possible")
    if not any(map(str.isalnum, spoken)):
        raise InvalidRequest(f"{field}.{name}", f"{spoken!r} has nothing that can be spoken")


def check_latin(pronunciations: Sequence[Pronunciation], field: str) -> None:
    """For models that know the letters a-z only. Raises InvalidRequest."""
    for index, pronunciation in enumerate(pronunciations):
        spoken = pronunciation.respelling
        if spoken and not _LATIN.search(unicodedata.normalize("NFKD", spoken)):
            raise InvalidRequest(f"{field}[{index}].respelling", f"{spoken!r} has no letter a-z and no digit")


def read_lexicon(path: Path) -> tuple[Pronunciation, ...]:
    """Raises InvalidConfig with the line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"the pronunciations in {path} cannot be read: {error}") from error
    listed = tuple(
        _parsed(line, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("# ")
    )
    if len(listed) > MAX_LEXICON:
        raise InvalidConfig(f"{path} has {len(listed)} pronunciations; at most {MAX_LEXICON} are possible")
    return listed


def _parsed(line: str, place: str) -> Pronunciation:
    match = _LINE.fullmatch(line)
    if match is None:
        raise InvalidConfig(f"{place}: not 'word, tab, respelling' or 'word, tab, /phonemes/': {line[:80]!r}")
    word, phonemes, respelling = match.groups()
    pronunciation = Pronunciation(word=word, respelling=respelling or "", phonemes=phonemes or "")
    try:
        check(pronunciation, "pronunciation")
    except InvalidRequest as error:
        raise InvalidConfig(f"{place}: {error.description}") from error
    return pronunciation
