"""Mathematics: LaTeX between its dollar signs or not, powers, roots, signs between numbers and single letters."""

from __future__ import annotations

import re
from re import Match

from engine.text.normalize import numbers
from engine.text.normalize.rule import NUMBER, Rule, one_of, rule
from engine.text.normalize.tables.latex import COMMANDS, SILENT
from engine.text.normalize.tables.signs import GREEK

_GROUP = r"\{([^{}]{0,80})\}"
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_STRUCTURES = (  # innermost first, again and again
    (re.compile(rf"\\[dt]?frac\s?{_GROUP}\s?{_GROUP}"), lambda m: f" {_over(m[1].strip(), m[2].strip())} "),
    (re.compile(rf"\\sqrt\s?\[3\]{_GROUP}"), r" the cube root of \1 "),
    (re.compile(rf"\\sqrt\s?{_GROUP}"), r" the square root of \1 "),
    (re.compile(rf"\\(?:text|mathrm|mathbf|mathbb|mathit|operatorname|boxed|vec|hat|bar)\s?{_GROUP}"), r" \1 "),
    (re.compile(rf"\^\s?{_GROUP}"), lambda m: _power(m[1])),
    (re.compile(rf"_\s?{_GROUP}"), r" sub \1 "),
)
_GREEK = "\u0370-\u03ff\u1f00-\u1fff"
_DEEPEST = 8
_MATHS = r"[a-z\d)\]]"  # what an operator may stand behind
_PLACE = 60  # characters behind a sign between numbers that tell what it is
_POWERS = {"2": "squared", "3": "cubed", "′": "prime"}


def _latex(match: Match[str]) -> str:
    return " " + _spoken_latex(next(part for part in match.groups() if part is not None)) + " "


def _spoken_latex(source: str) -> str:
    for _ in range(_DEEPEST):
        before = source
        for pattern, spoken in _STRUCTURES:
            source = pattern.sub(spoken, source)
        if source == before:
            break
    source = _COMMAND.sub(_command, source)
    source = re.sub(r"_(\w)", r" sub \1 ", source)
    source = re.sub(r"(?<=[a-zA-Z\d)])\s?-\s?(?=[a-zA-Z\d(])", " minus ", source)
    return re.sub(r"[{}\\&]|(?<!\w)'", " ", source).replace("'", " prime ")


def _command(match: Match[str]) -> str:
    name = match[1]
    return " " if name in SILENT else f" {COMMANDS.get(name, name)} "


def _over(above: str, below: str) -> str:
    """A fraction of two small numbers has a name of its own."""
    if re.fullmatch(r"\d{1,2}", above) and re.fullmatch(r"\d{1,2}", below):
        return numbers.fraction(above, below)
    return f"{above} over {below}"


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
    rule(rf"((?:\\(?:[dt]?frac|sqrt)\s?(?:{_GROUP}\s?)+))".replace("([^{}]{0,80})", "[^{}]{0,80}"), _latex, exact=True),
    rule(rf"\\({one_of(COMMANDS)})(?![a-zA-Z])", _command, exact=True),
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
    rule(rf"({NUMBER})\s[-]\s(\d[\d,.]{{0,15}}(?<=\d))", _dash),
    rule(r"\b(\d{1,3}(?:\.\d+)?)[eE]([+-]?\d{1,2})\b", lambda m: f"{m[1]} times ten{_power(m[2].lstrip('+'))}"),
    rule(r"(?<=\b[a-z\d])<(?=[a-z\d]\b)(?![bisuap]>)", " less than "),
    rule(r"(?<=\s)<(?=\s|\d)|(?<=\d)<(?=\d)", " less than "),
    rule(r"(?<=\s)>(?=\s|\d)|(?<=\d)>(?=\d)", " greater than "),
)
