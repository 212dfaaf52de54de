"""Amounts of money, ranges of them, and what they are per."""

from __future__ import annotations

import re
from re import Match

from engine.text.normalize import numbers
from engine.text.normalize.rule import DASH, NUMBER, NUMBER_BEHIND, Rule, one_of, rule, small
from engine.text.normalize.tables.currencies import CODES, COUNTRIES, CURRENCIES, PER, PER_SHORT

_SYMBOL = f"[{re.escape(''.join(CURRENCIES))}]"
_SCALE = "k|mio|mrd|mn|mm|m|bn|b|tn|t|thousand|million|billion|trillion"
_AMOUNT = rf"({_SYMBOL})\s?({NUMBER})(?:\s?({_SCALE})\b)?"
_A = re.compile(r"\b(?:a|an|the|this|that|my|your|our|his|her|their|per|another|one|single)\s$", re.IGNORECASE)
_NEARBY = 10  # characters that hold one of these
_NOUN = re.compile(
    r"\s(?!or\b|and\b|to\b|for\b|in\b|on\b|per\b|a\b|at\b|of\b|is\b|was\b|i\b|from\b|by\b|with\b|each\b|off\b)[a-z]{3,}"
)


def words(symbol: str, amount: str, scale: str = "") -> str:
    """('$', '3.50', '') -> 'three dollars and fifty cents'; ('£', '2.5', 'm') -> 'two point five million pounds'."""
    one, many, one_hundredth, many_hundredths = CURRENCIES[symbol]
    if scale:
        return f"{numbers.scaled(amount, scale)} {many}"
    whole, _, fraction = amount.replace(",", "").partition(".")
    if fraction and len(fraction) != 2:
        return f"{numbers.number(amount)} {many}"
    units, hundredths = whole.lstrip("0") or "0", int(fraction or "0")
    parts = []
    if units != "0" or not hundredths:
        parts.append(f"{numbers.cardinal(units)} {one if units == '1' else many}")
    if hundredths:
        parts.append(f"{numbers.cardinal(str(hundredths))} {one_hundredth if hundredths == 1 else many_hundredths}")
    return " and ".join(parts)


def before_a_noun(match: Match[str]) -> bool:
    """'a $20 bill', 'a 60 W bulb': what is counted stands behind, and the unit has no plural."""
    return bool(
        _A.search(match.string, max(0, match.start() - _NEARBY), match.start())
        and _NOUN.match(match.string, match.end())
    )


def _money(match: Match[str]) -> str:
    symbol, amount, scale = match[1], match[2], match[3] or ""
    spoken = words(symbol, amount, scale)
    one, many = CURRENCIES[symbol][:2]
    return spoken.removesuffix(many) + one if before_a_noun(match) and spoken.endswith(many) else spoken


def _of_country(match: Match[str]) -> str:
    """'CA$55' -> 'fifty five canadian dollars'."""
    spoken = words("$", match[2], match[3] or "")
    return re.sub("dollars?", lambda dollars: f"{COUNTRIES[match[1].upper()]} {dollars[0]}".strip(), spoken)


def _amount_range(match: Match[str]) -> str:
    """'$5-10' -> 'five to ten dollars', '$1-2 million' -> 'one to two million dollars'."""
    symbol, first, last, scale = match.groups()
    return f"{numbers.number(first)} to {words(symbol, last, scale or '')}"


def _code(amount: str, scale: str, code: str) -> str:
    one, many = CODES[code]
    whole, _, hundredths = amount.partition(".")
    if len(hundredths) == 2 and not scale:
        return f"{_code(whole, '', code)} {numbers.cardinal(str(int(hundredths))) if int(hundredths) else ''}".rstrip()
    said = numbers.scaled(amount, scale) if scale else numbers.number(amount)
    return f"{said} {one if amount == '1' and not scale else many}"


MONEY: tuple[Rule, ...] = (
    rule(r"\b(US|CA|AU|NZ|HK|SG|NT|S|A|C)\$\s?" + rf"({NUMBER})(?:\s?({_SCALE})\b)?", _of_country),
    rule(rf"(?<=\d [A-Z]{{3}})\s?{DASH}\s?(?={NUMBER_BEHIND} (?:{one_of(filter(str.isalpha, CODES))})\b)", " to "),
    rule(rf"(?<={_SYMBOL})\s?{DASH}\s?(?={NUMBER_BEHIND}\s?{_SYMBOL}(?!\d))", " to "),
    rule(rf"\b({one_of(CODES)})\s?({NUMBER})(?:\s?({_SCALE})\b)?", lambda m: _code(m[2], m[3] or "", m[1]), exact=True),
    rule(
        rf"({NUMBER})(?:\s?({_SCALE}))?\s?({one_of(code for code in CODES if code.isalpha())})\b",
        lambda m: _code(m[1], m[2] or "", m[3]),
        exact=True,
    ),
    rule(rf"(?<=\d)\s?(?:{DASH}|~)\s?(?={_SYMBOL}\d)|(?<=\d[kKmMbB])\s?{DASH}\s?(?={_SYMBOL}\d)", " to "),
    rule(rf"({_SYMBOL})\s?({NUMBER})\s?{DASH}\s?({NUMBER})(?:\s?({_SCALE})\b)?", _amount_range),
    rule(rf"(?<![\w\d])-\s?(?={_SYMBOL}\s?\d)", " minus "),
    rule(rf"(?<!\w)({_SYMBOL})-(?=\.?\d)", r"minus \1"),
    rule(_AMOUNT, _money),
    rule(rf"({NUMBER})\s?{DASH}\s?(?={NUMBER_BEHIND}\s?{_SYMBOL}(?!\d))", r"\1 to "),
    rule(rf"({NUMBER})(?:\s?({_SCALE})\.?)?\s?({_SYMBOL})(?!\d)", lambda m: words(m[3], m[1], m[2] or "")),
    rule(rf"(?<=[a-z])\s?/\s?(?=(?:{PER})\b)", " per "),
    rule(
        rf"(?<=[a-z])\s?/\s?({one_of(PER_SHORT)})\b(?!\.?\w)",
        lambda m: " each" if small(m[1]) == "ea" else f" per {PER_SHORT[small(m[1])]}",
    ),
)
