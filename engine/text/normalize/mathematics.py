"""Mathematics: LaTeX between its dollar signs or not, powers, roots, signs between numbers and single letters."""

from __future__ import annotations

import re
from re import Match

from engine.text.markup.formulas import spoken
from engine.text.normalize.rule import NUMBER, Rule, rule
from engine.text.normalize.tables.signs import GREEK

_GROUP = r"\{[^{}]{0,80}\}"
_GREEK = "\u0370-\u03ff\u1f00-\u1fff"
_PLACE = 60  # characters behind a sign between numbers that tell what it is
_POWERS = {"2": "squared", "3": "cubed"}


def _latex(match: Match[str]) -> str:
    source = next((part for part in match.groups() if part is not None), match[0])
    return f" {spoken(source, in_words=True)} "


def _power(exponent: str) -> str:
    exponent = exponent.strip()
    if exponent in _POWERS:
        return f" {_POWERS[exponent]} "
    return f" to the power of {'minus ' + exponent[1:] if exponent.startswith('-') else exponent} "


def _dash(match: Match[str]) -> str:
    """'5 - 3' is a difference, '10 - 15 apples' a range."""
    one, other = match[1], match[2]
    behind = match.string[match.end() : match.end() + _PLACE]
    counted = re.match(r"\s?(?:[a-z]{3,}|%|[$£€])", behind, re.IGNORECASE)
    rises = float(one.replace(",", "")) < float(other.replace(",", ""))
    return f"{one} {'to' if rises and counted and '=' not in behind else 'minus'} {other}"


MATHEMATICS: tuple[Rule, ...] = (
    rule(r"\$\$([^$]{1,400})\$\$|\\\[(.{1,400}?)\\\]|\\\((.{1,400}?)\\\)", _latex),
    rule(r"(?<![\w$])\$(?!\s)((?=[^$\n]{0,200}[\\^_={}+<>*]|[a-zA-Z]\$)[^$\n]{1,200}?)(?<!\s)\$(?![\d$])", _latex),
    rule(rf"(?<![\w\\])\\[a-zA-Z]{{2,14}}(?:\s?{_GROUP}){{1,2}}|(?<=[\s\d])\\[a-z]{{2,14}}(?=\s)", _latex, exact=True),
    rule(r"(?<=[\w)])\^\(?(-?\w{1,6})\)?", lambda m: _power(m[1])),
    rule(r"(?<=\^\d)\^(?=\d)", ""),
    rule(r"\^-\s(squared|cubed)", lambda m: _power("-2" if m[1] == "squared" else "-3")),
    rule(r"√\s?\(?(?=[\w(])", " the square root of "),
    rule(rf"(?<![{_GREEK}])([{''.join(GREEK)}])(?![{_GREEK}])", lambda m: f" {GREEK[m[1]]} ", exact=True),
    rule(r"\b(\d{1,4}|[a-z])!(?=\s?[-+*/=<>)×])", r"\1 factorial "),
    rule(r"\b([fghFGH])\(([a-z](?:, ?[a-z])?)\)", r"\1 of \2", exact=True),
    rule(r"\b(sin|cos|tan|log|ln|exp)\((\w{1,10})\)", r"\1 of \2"),
    rule(r"!=|=/=|≠", " is not equal to "),
    rule(r"(?<=\s)===?(?=\s)", " equals "),
    rule(r"(?<=\d)\s?\*\s?(?=\d)|(?<=\b[a-z\d])\s\*\s(?=[a-z\d]\b)", " times "),
    rule(r"(?<=\b[a-z])\s-\s(?=[a-z\d]\b)(?=.{0,40}=)", " minus "),
    rule(r"(?<=\d)\s?/\s?(?=\d{1,9}\s?=)|(?<=\d)\s/\s(?=\d)", " divided by "),
    rule(r"(?<=\d)\s?[x×]\s?(?=\d[\d.,]{0,9}\s?=)", " times "),
    rule(r"(\d)-(?=\d{1,9}\s?=)", r"\1 minus "),
    rule(r"(?<=[a-z\d])-(?=[a-z]\s?=)|(?<=\b[a-z])-(?=\d\s?[=<>])", " minus "),
    rule(rf"({NUMBER})\s-\s((?:\d{{1,3}}(?:,\d{{3}})++|\d++)(?:\.\d++)?)", _dash),
    rule(r"\b(\d{1,3}(?:\.\d+)?)[eE]([+-]?\d{1,2})\b", lambda m: f"{m[1]} times ten{_power(m[2].lstrip('+'))}"),
    rule(r"(?<=\b[a-z\d])<(?=[a-z\d]\b)(?![bisuap]>)", " less than "),
    rule(r"(?<=\s)<(?=\s|\d)|(?<=\d)<(?=\d)", " less than "),
    rule(r"(?<=\s)>(?=\s|\d)|(?<=\d)>(?=\d)", " greater than "),
)
