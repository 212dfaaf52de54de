"""Numbers whose digits are grouped in other ways than '1,234,567': made into that, before money and units are read."""

from __future__ import annotations

from re import Match

from engine.text.normalize.rule import Rule, rule
from engine.text.normalize.tables.units import COUNTED

_COUNTED = f"{COUNTED}|dollars|euros|pounds|rupees|yen|yuan|pesos|won|cents|times|miles|units|items|bytes|voters|votes"
_TOTALS = "population|balance|total|sum|revenue|salary|budget|debt|distance"


def _in_threes(match: Match[str]) -> str:
    """'8336817 people': what is counted is a number, and no code."""
    return f"{int(match[0]):,}"


def _total(match: Match[str]) -> str:
    words, _, digits = match[0].rpartition(" ")
    return f"{words} {int(digits):,}"


def _indian(match: Match[str]) -> str:
    """'2,50,000' -> '250,000'."""
    return f"{int(match[0].replace(',', '')):,}"


GROUPED: tuple[Rule, ...] = (
    rule(rf"(?<![\w.,:/-])[1-9]\d{{6,11}}(?=\s(?:{_COUNTED})\b)", _in_threes),
    rule(rf"\b(?:{_TOTALS})(?: (?:is|was|of)){{1,2}}\s[1-9]\d{{6,11}}\b(?![.,:/-]\d)", _total),
    rule(r"(?<![\w.,])\d{1,2}(?:,\d{2}){1,5},\d{3}(?![\w,])", _indian),
    rule(
        r"(?<![\w.,:/-])([1-9]\d{0,2})((?: \d{3}){1,4}+)(?:,(\d\d))?(?!\w| \d|[-,:/]\d|\.\d{3})",
        lambda m: m[1] + m[2].replace(" ", ",") + (f".{m[3]}" if m[3] else ""),
    ),
    rule(r"(?<![\w.,(])(\d{1,3}(?:\.\d{3})+),(\d{1,2})(?![\w,])", lambda m: m[1].replace(".", "") + "." + m[2]),
    rule(r"(?<![\w.,(])(\d{1,3}),(\d{1,2})(?![\d,])", r"\1.\2"),
    rule(r"(?<![\w.,(])(\d{1,3}(?:\.000){2,3})(?![\w.,])", lambda m: m[1].replace(".", ",")),
)
