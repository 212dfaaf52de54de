"""Dates, years, decades, weekdays, ranges of them."""

from __future__ import annotations

from re import Match

from engine.text.normalize import numbers
from engine.text.normalize.rule import DASH, Rule, final_dot, rule, small
from engine.text.normalize.tables.calendar import MONTH_NAMES, MONTHS, WEEKDAYS

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_WEEKDAY = "|".join(sorted(WEEKDAYS, key=len, reverse=True))
_SHORT_MONTH = "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
_YEAR = r"1[1-9]\d\d|20\d\d"
_DAY = r"(?:1[0-2]|0?[1-9])/(?:3[01]|[12]\d|0?[1-9])"
_ON = "on|due|dated|since|until|till|before|after|by|of"
_FROM = "from|to|through|thru|between|and"
_PARTS = (2, 3, 4, 5, 6, 8, 10, 16)  # that people speak of
_COMMON = r"[1357]/[248]\b|[12]/3\b|\d/16\b"  # fractions of every day


def _date(year: str, month: str, day: str, written: str) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return written
    return f"{MONTH_NAMES[int(month) - 1]} {numbers.ordinal(str(int(day)))}, {numbers.year(numbers.full_year(year))}"


def _slash_date(match: Match[str]) -> str:
    """12/31/2024, or 31/12/2024 when the first cannot be a month."""
    first, second, year = match.groups()
    month, day = (first, second) if int(first) <= 12 else (second, first)
    return _date(year, month, day, match[0])


def _month_day(month: str, day: str) -> str:
    """'12/25' -> 'december twenty fifth'."""
    return f"{MONTH_NAMES[int(month) - 1]} {numbers.ordinal(str(int(day)))}"


def _days(match: Match[str]) -> str:
    """'12/1-12/15' -> 'december first to december fifteenth', but not '1/4-1/2'."""
    days = [day.split("/") for day in match.groups()]
    if all(int(one) < int(other) and int(other) in _PARTS for one, other in days):
        return match[0]
    return " to ".join(_month_day(month, day) for month, day in days)


def _number(month: str) -> str:
    return str(MONTH_NAMES.index(MONTHS[small(month)]) + 1)


def _day_of_month(match: Match[str]) -> str:
    last = f" to {numbers.ordinal(match[3])}" if match[3] else ""
    return f"{MONTHS[small(match[1])]} {numbers.ordinal(match[2])}{last}"


def _short_year(match: Match[str]) -> str:
    """Behind a date: "'09" -> 'two thousand and nine'; alone as in "class of '98" it stays two digits."""
    return f"{match[1]}{numbers.year(numbers.full_year(match[2]))}"


def _decade(match: Match[str]) -> str:
    digits = match[1]
    return numbers.plural(numbers.year(digits) if len(digits) == 4 else numbers.cardinal(digits))


def _years(match: Match[str]) -> str:
    """'1998-99' -> 'nineteen ninety eight to ninety nine'."""
    first, last = match.groups()
    return f"{numbers.year(first)} to {numbers.year(last) if len(last) == 4 else numbers.cardinal(last)}"


def _stamp(match: Match[str]) -> str:
    year, month, day, hour, minute, zone = match.groups()
    return f"{_date(year, month, day, match[0])} at {numbers.clock(hour, minute)}{' u t c' if zone == 'Z' else ''}"


STAMPS: tuple[Rule, ...] = (
    rule(
        r"\b(\d{4})-(\d\d)-(\d\d)[T ]([01]\d|2[0-3]):([0-5]\d)(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?\b",
        _stamp,
        exact=True,
    ),
)
DATES: tuple[Rule, ...] = (
    rule(r"\b9/11\b", "nine eleven"),
    rule(r"\b(\d{4})-(\d\d?)-(\d\d?)\b", lambda m: _date(m[1], m[2], m[3], m[0])),
    rule(r"\b(\d{4})/(\d\d?)/(\d\d?)\b", lambda m: _date(m[1], m[2], m[3], m[0])),
    rule(r"\b(\d{1,2})[/.](\d{1,2})[/.]((?:1[5-9]|20)\d\d)\b", _slash_date),
    rule(r"\b(\d{1,2})-(\d{1,2})-((?:1[5-9]|20)\d\d)\b", _slash_date),
    rule(r"\b(\d{1,2})/(\d{1,2})/(\d\d)\b(?![/\d])", _slash_date),
    rule(rf"(?<![\d/.])({_DAY})\s?{DASH}\s?({_DAY})(?![\d/.])", _days),
    rule(
        r"\b(exp(?:ires|iry|iration(?: date)?|\.)?:? |valid (?:thru|through|until) )(0[1-9]|1[0-2])/(\d\d)\b(?!/)",
        lambda m: f"{m[1]}{MONTH_NAMES[int(m[2]) - 1]} {numbers.year(numbers.full_year(m[3]))}",
    ),
    rule(
        rf"\b((?:{_ON}) )(?!{_COMMON})(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])\b(?![/\d.]| of\b)",
        lambda m: m[1] + _month_day(m[2], m[3]),
    ),
    rule(
        rf"\b((?:{_FROM}) )(?!{_COMMON})(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])\b(?![/\d.]| of\b)",
        lambda m: m[1] + _month_day(m[2], m[3]),
    ),
    rule(r"\b(on )(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])\b(?![/\d]| of\b)", lambda m: m[1] + _month_day(m[2], m[3])),
    rule(r"(?<![\d/.])(1[0-2]|0?[1-9])/(1[3-57-9]|2[1-9]|3[01])(?![\d/])", lambda m: _month_day(m[1], m[2])),
    # with the month in letters
    rule(rf"\b((?:{_MONTH})\.? \d{{1,2}}(?:st|nd|rd|th)?)\s?{DASH}\s?(?=(?:{_MONTH})\b)", r"\1 to "),
    rule(rf"\b(\d{{1,2}})-({_MONTH})-(\d{{4}})\b", lambda m: _date(m[3], _number(m[2]), m[1], m[0])),
    rule(
        rf"\b({_MONTH})\b\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:\s?{DASH}\s?(\d{{1,2}})(?:st|nd|rd|th)?)?\b(?![:.]?\d|%)",
        _day_of_month,
    ),
    rule(
        rf"\b(?:the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\s?{DASH}\s?(?=\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?(?:{_MONTH})\b)",
        lambda m: f"the {numbers.ordinal(m[1])} to ",
    ),
    rule(
        rf"\b(?:the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})\b\.?(?!\w)(?=,?\s+'?\d{{2,4}}|[\s,.!?]|$)",
        lambda m: f"the {numbers.ordinal(m[1])} of {MONTHS[small(m[2])]}{final_dot(m)}",
    ),
    rule(r"\b(Q[1-4]|H[12])\s?-\s?(?=[QH]\d)", r"\1 to ", exact=True),
    rule(rf"\b({_SHORT_MONTH})\b\.?(?=\s\d{{4}}\b)", lambda m: MONTHS[m[1].lower()], exact=True),
    rule(
        rf"\b({_SHORT_MONTH}){DASH}({_SHORT_MONTH})\b\.?",
        lambda m: f"{MONTHS[m[1].lower()]} to {MONTHS[m[2].lower()]}",
        exact=True,
    ),
    rule(rf"((?:{_MONTH}|[a-z]th|first|second|third)\.?,? )'(\d\d)\b", _short_year),
    # weekdays
    rule(rf"\b({_WEEKDAY})\.?\s?{DASH}\s?(?={_WEEKDAY}\b)", lambda m: f"{WEEKDAYS[m[1]]} to ", exact=True),
    rule(rf"(?<= to )({_WEEKDAY})\b\.?(?=\W|$)", lambda m: WEEKDAYS[m[1]] + final_dot(m).rstrip(), exact=True),
    rule(rf"\b({_WEEKDAY})\b\.?/(?={_WEEKDAY}\b)", lambda m: f"{WEEKDAYS[m[1]]} and ", exact=True),
    rule(rf"(?<=day and )({_WEEKDAY})\b", lambda m: WEEKDAYS[m[1]], exact=True),
    rule(
        rf"\b({_WEEKDAY})\b\.?(?=,? (?:the |(?i:{_MONTH})|\d|[ap]m\b|at (?:\d|noon)))",
        lambda m: WEEKDAYS[m[1]],
        exact=True,
    ),
    # years and decades
    rule(rf"(?<![\w.,$£€-])({_YEAR})\s?{DASH}\s?({_YEAR}|\d\d)\b(?![\d,.]?\d|-)", _years),
    rule(r"(?<![\w.,])'?(\d0|\d{3}0)'?s\b", _decade),
)
