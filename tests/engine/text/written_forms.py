"""Tables of written forms and how a person would say them, and whether what was said is one of the ways.

A line is `class<tab>written<tab>readings`. In the readings `(x)` may be left out, `[x/y]` is one of the two, `0` is
"oh" or "zero", and ` | ` stands between whole readings. Only the letters count: not case, marks, or where the spaces
are, so that "p m", "PM" and "pm" are the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KNOWN = Path(__file__).parent / "written_forms.tsv"  # the rules were made with these
FRESH = Path(__file__).parent / "fresh_forms.tsv"  # written after the rules
CRITICISED = Path(__file__).parent / "criticised_forms.tsv"  # kinds that a reader from outside found misread
_INNERMOST = re.compile(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]")


@dataclass(frozen=True, kw_only=True)
class WrittenForm:
    kind: str  # cardinal, money, phone ...
    written: str
    readings: frozenset[str]  # letters only

    def is_read(self, said: str) -> bool:
        return letters_of(said) in self.readings


def read_forms(path: Path) -> list[WrittenForm]:
    """Raises ValueError for a line that is not of three columns or says the same written form again."""
    forms: dict[str, WrittenForm] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line or line.startswith("# "):
            continue
        columns = line.split("\t")
        if len(columns) != 3 or columns[1] in forms:
            raise ValueError(f"{path.name}, line {number}: not three columns, or written before: {line!r}")
        kind, written, readings = columns
        ways = frozenset(letters_of(way) for reading in readings.split(" | ") for way in expanded(reading))
        forms[written] = WrittenForm(kind=kind, written=written, readings=ways)
    return list(forms.values())


def expanded(reading: str) -> Iterator[str]:
    """'(a) half' -> 'a half', ' half'."""
    match = _INNERMOST.search(reading)
    if match is None:
        digits = reading.count("0")
        yield from (reading,) if not digits else expanded(reading.replace("0", "[oh/zero]"))
        return
    optional, choice = match.groups()
    for part in [*optional.split("/"), ""] if choice is None else choice.split("/"):
        yield from expanded(reading[: match.start()] + part + reading[match.end() :])


def letters_of(said: str) -> str:
    """The article's letter stands for the name of the letter, which the spelled front end writes "ay"."""
    plain = unicodedata.normalize("NFKD", re.sub(r"\bay\b", "a", said.lower()))
    return re.sub("[^a-z0-9]", "", "".join(char for char in plain if not unicodedata.combining(char)))
