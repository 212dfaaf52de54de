"""Numbers whose digits are grouped in other ways than '1,234,567': made into that, before money and units are read."""

from __future__ import annotations

from re import Match

from engine.text.normalize.rule import Rule, rule


def _indian(match: Match[str]) -> str:
    """'2,50,000' -> '250,000'."""
    return f"{int(match[0].replace(',', '')):,}"


GROUPED: tuple[Rule, ...] = (
    rule(r"(?<![\w.,])\d{1,2}(?:,\d{2}){1,5},\d{3}(?![\w,])", _indian),
    rule(
        r"(?<![\w.,:/-])([1-9]\d{0,2})((?: \d{3})+)(?:,(\d\d))?(?!\w| \d|[-,:/]\d|\.\d{3})",
        lambda m: m[1] + m[2].replace(" ", ",") + (f".{m[3]}" if m[3] else ""),
    ),
    rule(r"(?<![\w.,(])(\d{1,3}(?:\.\d{3})+),(\d{1,2})(?![\w,])", lambda m: m[1].replace(".", "") + "." + m[2]),
    rule(r"(?<![\w.,(])(\d{1,3}),(\d{1,2})(?![\d,])", r"\1.\2"),
    rule(r"(?<![\w.,(])(\d{1,3}(?:\.000){2,3})(?![\w.,])", lambda m: m[1].replace(".", ",")),
)
