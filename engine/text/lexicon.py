"""The lexicon that a server is started with: a file of pronunciations.

A word a line: `word<tab>respelling` or `word<tab>/phonemes/`. Empty lines and lines that begin with "# " do not count.
"""

from __future__ import annotations

import re
from pathlib import Path

from engine.errors import InvalidConfig, InvalidRequest, Unsupported
from engine.messages import Pronunciation
from engine.text.frontend import TextFrontEnd
from engine.text.pronunciations import NONE, Pronunciations

MAX_LEXICON = 10_000  # pronunciations
_LINE = re.compile(r"([^\t]+)\t(?:/([^\t/]+)/|([^\t]+))")


def load_lexicon(path: Path | None, front_end: TextFrontEnd) -> Pronunciations:
    """Raises InvalidConfig with the line or the word that is wrong."""
    if path is None:
        return NONE
    listed = _read(path)
    for pronunciation in listed:
        try:
            front_end.check((pronunciation,), pronunciation.word)
        except (InvalidRequest, Unsupported) as error:
            raise InvalidConfig(f"{path}: {error}") from error
    return Pronunciations(listed)


def _read(path: Path) -> tuple[Pronunciation, ...]:
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
        pronunciation.check("pronunciation")
    except InvalidRequest as error:
        raise InvalidConfig(f"{place}: {error.description}") from error
    return pronunciation
