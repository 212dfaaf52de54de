"""Titles, places, streets and addresses, Roman numbers behind names and nouns."""

from __future__ import annotations

from re import Match

from engine.text.normalize import numbers
from engine.text.normalize.rule import CAPITAL, Rule, final_dot, letters, one_of, rule
from engine.text.normalize.tables.names import (
    BEFORE_NUMBERS,
    DIRECTED,
    DIRECTIONS,
    NUMBERED,
    NUMBERED_PLACES,
    PAIRED,
    ROYAL,
    RULERS,
    STREET_NAMES,
    STREETS,
    TITLES,
)
from engine.text.pronunciations import PLACES

_NAME = rf"(?:[A-Z][\w']{{1,30}}|[{PLACES}])"
_ANY_STREET = rf"(?:{'|'.join(STREETS)}|{STREET_NAMES})\b"
_LETTERED = rf"\b((?i:{NUMBERED_PLACES})\.? )(\d{{1,4}})([A-Z])\b"
_ROMAN = "[IVXLC]+"


def _street(match: Match[str]) -> str:
    return match[1] + STREETS[match[2]] + final_dot(match)


def _direction(match: Match[str]) -> str:
    return match[1] + DIRECTIONS[match[2].replace(".", "")]


def _roman(match: Match[str]) -> str:
    """'World War II' -> 'war two'."""
    total = numbers.roman(match[2])
    return match[0] if total is None else f"{match[1]} {numbers.cardinal(str(total))}"


def _first(match: Match[str]) -> str:
    return f"{match[1] or match[3]} one"


def _royal(match: Match[str]) -> str:
    """'Henry VIII' -> 'Henry the eighth'."""
    total = numbers.roman(match[2])
    return match[0] if total is None else f"{match[1]} the {numbers.ordinal(str(total))}"


def _roman_ordinal(match: Match[str]) -> str:
    total = numbers.roman(match[1])
    return match[0] if total is None else numbers.ordinal(str(total))


def _roman_year(match: Match[str]) -> str:
    total = numbers.roman(match[0])
    return match[0] if total is None else numbers.year(str(total))


NAMES: tuple[Rule, ...] = (
    # addresses
    rule(r"\bP\.?\s?O\.?\s+(?=Box\b)", "P O ", exact=True),
    rule(
        rf"\b(\d{{3,4}})(?=[A-Z]?(?: ?(?:{one_of(DIRECTIONS)})\.?)? (?:{_NAME} ){{1,3}}{_ANY_STREET})",
        lambda m: numbers.paired(m[1]) + (" " if m.string[m.end()].isalpha() else ""),
        exact=True,
    ),
    rule(rf"\b([NSEW])\.(?=\s(?:{DIRECTED})\b)", lambda m: DIRECTIONS[m[1]].capitalize(), exact=True),
    rule(
        r"\b(\d{1,3} )([NSEW])\b\.?(?=,? (?:exit|take|toward|towards|then)\b)",
        lambda m: m[1] + DIRECTIONS[m[2]],
        exact=True,
    ),
    rule(
        rf"((?:\d[A-Z]?|hundred|ty|\w(?=\s\w\.? \d)) )({one_of(DIRECTIONS)})\.?"
        rf"(?= (?:\d+(?:st|nd|rd|th)\b|(?:{_NAME} ){{1,3}}{_ANY_STREET}))",
        _direction,
        exact=True,
    ),
    rule(rf"\bSt\.?(?=\s+{CAPITAL})(?<!\dSt)", "saint", exact=True),
    rule(
        rf"((?:\d[A-Z]?|[a-z]) (?:{_NAME} ){{1,3}}|\d(?:st|nd|rd|th) )({'|'.join(STREETS)})\b\.?"
        r"(?!\s[A-Z][a-z]+\s(?:was|is|said)\b)",
        _street,
        exact=True,
    ),
    rule(r"(?<=\w )St\b\.?", "street", exact=True),
    rule(
        rf"((?:street|drive|avenue|road|boulevard|lane|court|place|square|Ave\.?|{STREET_NAMES}) )"
        r"(NW|NE|SW|SE|N|E|S|W)\b",
        _direction,
        exact=True,
    ),
    rule(
        rf"\b({one_of(BEFORE_NUMBERS)})\.\s?(?=#?\d|(?-i:[IVXLC]{{2,}}\b))",
        lambda m: BEFORE_NUMBERS[m[1].lower()] + " ",
    ),
    rule(r"\b(apt|ste|rm|bldg|hwy|rte)\s(?=#?\d)", lambda m: BEFORE_NUMBERS[m[1].lower()] + " "),
    rule(_LETTERED, lambda m: f"{m[1]}{numbers.paired(m[2])} {letters(m[3])}", exact=True, style="spelled"),
    rule(_LETTERED, lambda m: f"{m[1]}{numbers.paired(m[2])} {m[3]}", exact=True, style="cased"),
    rule(r"#\s?(?=\d)", "number "),
    rule(
        rf"\b((?:{PAIRED}) (?:[A-Z]{{1,3}} ?)?)(\d{{3,4}})\b(?![,.:/-]\d|%| ?(?:m|km|miles|people|feet)\b)",
        lambda m: m[1] + numbers.paired(m[2]),
    ),
    # titles
    rule(rf"\b({'|'.join(TITLES)})\.(?=\s{CAPITAL})", lambda m: TITLES[m[1]], exact=True),
    rule(r"\b([A-Z][a-z]+) v\. (?=[A-Z])", r"\1 versus ", exact=True),
    # Roman numbers
    rule(r"\bWW(II?)\b", lambda m: f"world war {'two' if m[1] == 'II' else 'one'}", exact=True),
    rule(rf"\b((?i:{NUMBERED}))\s+({_ROMAN})\b(?<!\sI)(?![.']\w)", _roman, exact=True),
    rule(rf"\b((?i:{NUMBERED}))\s+(I)(?=[.,:;)]|$)|\b(World War) (I)\b", _first, exact=True),
    rule(r"\b((?:chapter|part|act|scene|section|book|volume|appendix|page|phase|stage))\s+([ivx]{2,}|v)\b", _roman),
    rule(rf"\b({ROYAL})\s+({_ROMAN})\b(?!')(?<!\sI)", _royal, exact=True),
    rule(rf"\b({ROYAL})\s+(I)(?=[,.;:)]|\s(?:of|was|the|and)\b|$)", _royal, exact=True),
    rule(rf"\b((?:{RULERS})(?:\s{_NAME}){{1,2}})\s+({_ROMAN})\b(?!')(?<!\sI)", _royal, exact=True),
    rule(r"\b([IVX]{2,})(?=\s(?:century|centuries|Century|Olympi\w+|dynasty|Dynasty)\b)", _roman_ordinal, exact=True),
    rule(
        rf"(?<=[a-z] )({_NAME}|[A-Z]+)\s+(I{{2,3}}|I[VX]|VI{{1,3}}|X{{1,3}}(?:I[VX]|VI{{0,3}}|I{{1,3}})|V)\b(?!')",
        _roman,
        exact=True,
    ),
    rule(rf"\b({_NAME})\s+(I{{2,3}}|I[VX]|VI{{1,3}}|X{{1,3}}(?:I[VX]|VI{{0,3}}|I{{1,3}}))\b(?!')", _roman, exact=True),
    rule(r"\b(?=[MDCLXVI]{4})M{1,3}(?:[DCLX]{1,6}[IVX]{0,4}|[IVX]{3,4})\b", _roman_year, exact=True),
)
