"""Times of day, durations, and what looks like a time and is a ratio or a verse."""

from __future__ import annotations

import re
from re import Match

from engine.text.normalize import numbers
from engine.text.normalize.rule import DASH, Rule, letters, rule
from engine.text.normalize.tables.calendar import BOOKS, ZONES

_HALF = r"[ap](?:\.\s?m\.|m\b\.?(?!\w))"
_CLOCK_12 = r"\b(\d{1,2})(?:[:.](\d\d))?(?::\d\d)?\s?([ap])(?:\.\s?m\.|m\b\.?(?!\w))"
_RATIO = "ratio|odds|scale|mix|mixed|dilut\\w+|aspect|proportions?|split"


def _clock_12(match: Match[str], half: str) -> str:
    """The dot of 'p.m.' also ends the sentence when a capital letter or nothing follows."""
    ends = match[0].endswith(".") and re.match(r"\s*$|\s+[A-Z](?![A-Z])", match.string[match.end() :])
    return numbers.clock(match[1], match[2] or "00", half) + ("." if ends else "")


def _duration(match: Match[str]) -> str:
    """'3:05:22' -> 'three oh five and twenty two seconds'."""
    seconds = int(match[3])
    clock = numbers.clock(match[1], match[2])
    if not seconds:
        return clock
    return f"{clock} and {numbers.cardinal(str(seconds))} {'second' if seconds == 1 else 'seconds'}"


def _verse(match: Match[str]) -> str:
    last = f" to {numbers.cardinal(match[4])}" if match[4] else ""
    return f"{match[1]} {numbers.cardinal(match[2])} {numbers.cardinal(match[3])}{last}"


TIMES: tuple[Rule, ...] = (
    rule(r"\b24/7\b", "twenty four seven"),
    rule(
        r"((?:\d|[apAP]\.?\s?[mM]\.?|[Nn]oon|[Mm]idnight|o'clock)\s)([ECMP])[SD]?T\b",
        lambda m: f"{m[1]}{ZONES[m[2]]} time",
        exact=True,
    ),
    rule(rf"\b({BOOKS}) (\d{{1,3}}):(\d{{1,3}})(?:{DASH}(\d{{1,3}}))?\b", _verse, exact=True),
    rule(rf"(\d|\d\s?{_HALF})\s?{DASH}\s?(?=\d{{1,2}}(?::\d\d)?\s?{_HALF})", r"\1 to "),
    rule(rf"(\d:\d\d)\s?{DASH}\s?(?=\d{{1,2}}:\d\d)", r"\1 to "),
    rule(_CLOCK_12, lambda m: _clock_12(m, letters(m[3] + "m")), style="spelled"),
    rule(_CLOCK_12, lambda m: _clock_12(m, m[3].upper() + "M"), style="cased"),
    rule(rf"((?:{_RATIO})\b.{{0,12}}?\b)(\d{{1,3}}):(\d{{1,4}})\b(?!:)", lambda m: f"{m[1]}{m[2]} to {m[3]}"),
    rule(rf"\b(\d{{1,4}}):(\d{{1,4}})(?=\s(?:{_RATIO})\b)", r"\1 to \2"),
    rule(r"\b(\d{1,4})\s?:\s?(\d|\d{3,4})\b(?![:.\d])(?<![:\d]\d:\d)", r"\1 to \2"),
    rule(r"\b(16|21|4|3):(9|10|3|2)\b", r"\1 to \2"),
    rule(r"\b([01]?\d|2[0-4]):([0-5]\d):([0-5]\d)\b", _duration),
    rule(r"\b([01]?\d|2[0-4]):([0-5]\d)\b(?:\s?h(?:rs)?\b)?", lambda m: numbers.clock(m[1], m[2])),
    rule(r"\b(\d{2,3}):([0-5]\d)\b", lambda m: f"{numbers.cardinal(m[1])} {numbers.cardinal(str(int(m[2])))}"),
    rule(r"\b([01]?\d|2[0-3])h([0-5]\d)\b", lambda m: numbers.clock(m[1], m[2])),
    rule(
        r"\b0(\d)([0-5]\d)( hours| hrs)\b",
        lambda m: f"oh {numbers.clock(m[1], m[2])}{m[3]}".replace("o'clock", "hundred"),
    ),
)
