"""Mathematics: LaTeX between its dollar signs or not, powers, roots, signs between numbers and single letters."""

from __future__ import annotations

import re
from re import Match

from engine.text.markup.formulas import spoken
from engine.text.normalize.rule import NUMBER, Rule, one_of, rule, small
from engine.text.normalize.tables.signs import GREEK
from engine.text.normalize.tables.units import DIVISORS

_GROUP = r"\{[^{}]{0,80}\}"
_GREEK = "\u0370-\u03ff\u1f00-\u1fff"
_PLACE = 60  # characters behind a sign between numbers that tell what it is
_TAG = re.compile(r"</?[a-z][^<>]*$", re.IGNORECASE)
_LONGEST_TAG = 60
_TERM = r"\d{0,6}[b-hj-z]\d?"  # of a polynomial; a and i are words
_POWERS = {"2": "squared", "3": "cubed"}


def _latex(match: Match[str]) -> str:
    source = next((part for part in match.groups() if part is not None), match[0])
    return f" {spoken(source, in_words=True)} "


def _power(exponent: str) -> str:
    exponent = exponent.strip()
    if exponent in _POWERS:
        return f" {_POWERS[exponent]} "
    return f" to the power of {'minus ' + exponent[1:] if exponent.startswith('-') else exponent} "


def _raised(match: Match[str]) -> str:
    """'10^12/L' -> '10 to the power of 12 per liter'."""
    return _power(match[1]) + (f"per {DIVISORS[small(match[2])]}" if match[2] else "")


def _compared(match: Match[str]) -> str:
    """'age>65', but not the end of a tag."""
    sign = match[1] or match[2]
    if sign == ">" and _TAG.search(match.string, max(0, match.start() - _LONGEST_TAG), match.start()):
        return match[0]
    return " greater than " if sign == ">" else " less than "


def _dash(match: Match[str]) -> str:
    """'5 - 3' is a difference, '10 - 15 apples' a range."""
    one, other = match[1], match[2]
    behind = match.string[match.end() : match.end() + _PLACE]
    counted = re.match(r"\s?(?:[a-z]{3,}|[%°]|[$£€])", behind, re.IGNORECASE)
    rises = float(one.replace(",", "")) < float(other.replace(",", ""))
    return f"{one} {'to' if rises and counted and '=' not in behind else 'minus'} {other}"


MATHEMATICS: tuple[Rule, ...] = (
    rule(r"\$\$([^$]{1,400})\$\$|\\\[(.{1,400}?)\\\]|\\\((.{1,400}?)\\\)", _latex),
    rule(r"(?<![\w$])\$(?!\s)((?=[^$\n]{0,200}[\\^_={}+<>*]|[a-zA-Z]\$)[^$\n]{1,200}?)(?<!\s)\$(?![\d$])", _latex),
    rule(rf"(?<![\w\\])\\[a-zA-Z]{{2,14}}(?:\s?{_GROUP}){{1,2}}|(?<=[\s\d])\\[a-z]{{2,14}}(?=\s)", _latex, exact=True),
    rule(rf"(?<=[\w)])\^\(?(-?\w{{1,6}})\)?(?:/({one_of(DIVISORS)})\b)?", _raised),
    rule(r"√\s?\(?(?=[\w(])", " the square root of "),
    rule(rf"(?<![{_GREEK}])([{''.join(GREEK)}])(?![{_GREEK}])", lambda m: f" {GREEK[m[1]]} ", exact=True),
    rule(r"\b(\d{1,4}|[a-z])!(?=\s?[-+*/=<>)×])", r"\1 factorial "),
    rule(r"\b([fghFGH])\(([a-z](?:, ?[a-z])?)\)", r"\1 of \2", exact=True),
    rule(r"\b(sin|cos|tan|log|ln|exp)\((\w{1,10})\)", r"\1 of \2"),
    rule(r"!=|=/=|≠", " is not equal to "),
    rule(r"(?<=\s)===?(?=\s)", " equals "),
    rule(r"(?<=\d)\s?\*\s?(?=\d)|(?<=\b[a-z\d])\s\*\s(?=[a-z\d]\b)", " times "),
    rule(r"(?<=\b[a-z])\s-\s(?=[a-z\d]\b)(?=.{0,40}=)", " minus "),
    rule(rf"(\b{_TERM}|squared|cubed)\s{{1,2}}[-–−]\s(?={_TERM}\b|\(|\d)", r"\1 minus ", exact=True),
    rule(r"(?<=\b[a-z\d])\s?−\s?(?=[a-z]\b)|(?<=\b[a-z])\s?−\s?(?=\d)|(?<=[\d)])\s?−\s?(?=\()", " minus "),
    rule(r"(?<=[a-z)]\s)−\s(?=\d)", "minus "),
    rule(r"−(\w*)", r"-\1"),
    rule(r"(?<=\d)\s?/\s?(?=\d{1,9}\s?=)|(?<=\d)\s/\s(?=\d)", " divided by "),
    rule(r"(?<=\d)\s?[x×]\s?(?=\d[\d.,]{0,9}\s?=)", " times "),
    rule(r"(\d)-(?=\d{1,9}\s?=)", r"\1 minus "),
    rule(r"(?<=[a-z\d])-(?=[a-z]\s?=)|(?<=\b[a-z])-(?=\d\s?[=<>])", " minus "),
    rule(rf"(?<!/)({NUMBER})\s-\s((?:\d{{1,3}}(?:,\d{{3}})++|\d++)(?:\.\d++)?)(?!/\d)", _dash),
    rule(r"\b(\d{1,3}(?:\.\d+)?)[eE]([+-]?\d{1,2})\b", lambda m: f"{m[1]} times ten{_power(m[2].lstrip('+'))}"),
    rule(r"\b([A-Z]\w{1,30}|[a-z]{4,30})\s?>\s?(?=[A-Z]\w)", r"\1, ", exact=True),  # of menus
    rule(r"(?<=[\w\s)])([<>])()\s?-(?=[$£€₹]?\.?\d)", lambda m: f"{_compared(m)}minus "),
    rule(r"(?<=\b[a-z\d])([<>])(?=[a-z\d]\b)(?![bisuap]>)", _compared),
    rule(r"(?<=[\s(])([<>])(?=\s|\+?[$£€₹]?\.?\d)|(?<=[\w)%\]])([<>])\s?(?=\+?[$£€₹]?\.?\d)", _compared),
)
