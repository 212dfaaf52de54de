"""Times of day, durations, and what looks like a time and is a ratio or a verse."""

from __future__ import annotations

import re
from re import Match

from engine.text.normalize import numbers
from engine.text.normalize.rule import DASH, Rule, letters, rule
from engine.text.normalize.tables.calendar import BOOKS, ZONES

_HALF = r"[ap](?:\.\s?m\.|m\b\.?(?!\w))"
_CLOCK_12 = r"\b(\d{1,2})(?:[:.](\d\d))?(?::\d\d)?\s?([ap])(?:\.\s?m\.|m\b\.?(?!\w))"
_JOINER = "(?:of|is|was|at|in|it|them|about|around)"
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


def _hours(match: Match[str]) -> str:
    """'2h 15m' -> 'two hours fifteen minutes'."""
    parts = zip(match.groups(), ("hour", "minute", "second"), strict=True)
    said = [_amount_of(amount, unit) for amount, unit in parts if amount]
    return " ".join(said)


def _lap(match: Match[str]) -> str:
    """'1:23.45' -> 'one minute twenty three point four five seconds', of a race."""
    whole, _, fraction = match[2].partition(".")
    minutes = _amount_of(match[1], "minute") + " " if int(match[1]) else ""
    return f"{minutes}{numbers.decimal(str(int(whole)), fraction)} seconds"


def _amount_of(amount: str, unit: str) -> str:
    return f"{numbers.cardinal(str(int(amount)))} {unit}{'' if int(amount) == 1 else 's'}"


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
    rule(rf"\b((?:{_RATIO})(?: {_JOINER}){{0,2}} )(\d{{1,4}}):(\d{{1,4}})\b(?!:)", r"\1\2 to \3"),
    rule(rf"\b(\d{{1,4}}):(\d{{1,4}})(?=\s(?:{_RATIO})\b)", r"\1 to \2"),
    rule(r"\b([A-Z][a-z]{1,12}\.? \d{1,3}):(\d)\b(?![:\d])", r"\1 \2", exact=True),
    rule(
        r"\b((?:at|by|from|to|until|before|after|around) )([01]\d|2[0-3])([0-5]\d)\s?(?:hrs|hours)\b",
        lambda m: f"{m[1]}{numbers.clock(m[2], m[3])} hours".replace("o'clock", "hundred"),
    ),
    rule(r"(?<![\w:.])(\d{1,2}):([0-5]\d\.\d{1,3})\b(?![:.]\d)", _lap),
    rule(
        r"\b([01]\d|2[0-3])([0-5]\d)\s?h\b",
        lambda m: f"{numbers.clock(m[1], m[2])} hours".replace("o'clock", "hundred"),
    ),
    rule(r"(?<![\w:.])(\d{1,4}):(\d|\d{3,4})\b(?![:.]\d)", r"\1 to \2"),
    rule(r"\b([01]?\d|2[0-4]):([0-5]\d):([0-5]\d)\b", _duration),
    rule(r"\b([01]?\d|2[0-4]):([0-5]\d)\b(?:\s?h(?:rs)?\b)?", lambda m: numbers.clock(m[1], m[2])),
    rule(r"\b(\d{2,3}):([0-5]\d)\b", lambda m: f"{numbers.cardinal(m[1])} {numbers.cardinal(str(int(m[2])))}"),
    rule(r"\b(\d{1,3})\s?h(?:rs?)?\s?(\d{1,2})\s?m(?:ins?)?\b(?:\s?(\d{1,2})\s?s(?:ecs?)?\b)?", _hours),
    rule(r"\b()(\d{1,3})\s?m(?:ins?)?\s?(\d{1,2})\s?s(?:ecs?)?\b", _hours),
    rule(r"\b([01]?\d|2[0-3])h([0-5]\d)\b", lambda m: numbers.clock(m[1], m[2])),
    rule(
        r"\b0(\d)([0-5]\d)( hours| hrs)\b",
        lambda m: f"oh {numbers.clock(m[1], m[2])}{m[3]}".replace("o'clock", "hundred"),
    ),
)
