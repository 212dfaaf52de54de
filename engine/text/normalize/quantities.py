"""Numbers with units, ranges, fractions, ordinals, plurals, scales, decimals, and what is left of numbers."""

from __future__ import annotations

import re
from re import Match

from engine.text.normalize import numbers
from engine.text.normalize.money import before_a_noun
from engine.text.normalize.rule import DASH, NUMBER, NUMBER_BEHIND, Rule, one_of, rule, small
from engine.text.normalize.tables.currencies import PER, PER_SHORT
from engine.text.normalize.tables.names import DIRECTIONS
from engine.text.normalize.tables.units import AREAS, COUNTED, DIVISORS, EXACT_UNITS, LENGTHS, UNITS

_EXACT, _ANY = one_of(EXACT_UNITS), one_of(UNITS)
_HYPHEN_UNIT = r"(?:[\s-])?"
_DOT = r"(?:\.(?=,|\s(?-i:[a-z\d(])))?"  # of an abbreviated unit inside a sentence
_QUOTED = 200  # characters in front of a sign that may open a quotation which it closes
_POWERS = {"squared": "square", "cubed": "cubic"}
_MEASURED = "at|to|of|below|above|about|around|is|was|hit|reached|between|and|under|over"
_MAGNETS = "MRIs?|MR|NMR|scanners?|magnets?|scans?|imaging|fields?"  # measured in teslas
_LETTERED = "pencils?|leads?|make|makes|made|says|said|tapes?|[Cc]ompany|Co"  # names of them end in a letter
_SCORED = (
    "stars?|tests?|points?|questions?|correct|right|passed|passing|votes?|checks?|people|patients|users|rating|score"
)
_TIMES = (
    "faster|slower|more|less|fewer|better|worse|bigger|larger|smaller|higher|lower|cheaper|longer|shorter|stronger|as|a|"
    "per|daily|weekly|monthly|the"
)
_DIVIDED = "of|an?|miles?|inch(?:es)?|acres?|cups?|seconds?|hours?"  # behind a fraction
_STRENGTHS = "mg|mcg|μg|ug"
_WIDEST = 20  # how many times its beginning the end of a range of doses is at most
_WAITED = (  # before a number of seconds: '10s' is no plural there
    "for|after|within|every|takes?|took|wait|waits|waited|last|lasts|lasted|about|only|just|under|over|than|another|"
    "delay|timeout|of|at|by|sleep|~"
)


def _unit(match: Match[str]) -> str:
    one, many = EXACT_UNITS.get(match[2]) or UNITS[small(match[2])]
    return _counted(match, match[1], one, many)


def _counted(match: Match[str], amount: str, one: str, many: str) -> str:
    single = amount == "1" or "-" in match[0] or before_a_noun(match)
    return f"{numbers.number(amount)} {one if single else many}"


def _per_unit(match: Match[str]) -> str:
    """'3 mg/dL' -> 'three milligrams per deciliter', '9.8 m/s squared' -> '... meters per second squared'."""
    one, many = EXACT_UNITS.get(match[2]) or UNITS[small(match[2])]
    power = match[4] or ""
    divisor = DIVISORS[small(match[3])]
    per = f"{_POWERS[power]} {divisor}" if power and divisor.endswith("meter") else f"{divisor} {power}"
    return f"{numbers.number(match[1])} {one if match[1] == '1' else many} per {per} "


def _power_unit(match: Match[str]) -> str:
    """'41 km cubed' -> 'forty one cubic kilometers'."""
    one, many = LENGTHS[small(match[2])]
    power = _POWERS["squared" if match[3] in ("squared", "2") else "cubed"]
    return f"{numbers.number(match[1])} {power} {one if match[1] == '1' else many} "


def _area(match: Match[str]) -> str:
    """'1,500 sq ft' -> 'one thousand five hundred square feet'."""
    one, many = LENGTHS[small(match[3])]
    return _counted(match, match[1], f"{AREAS[small(match[2])]} {one}", f"{AREAS[small(match[2])]} {many}")


def _in_quotation(match: Match[str], sign: str) -> bool:
    """A sign behind a space opens; any other closes what is open, and is one of inches where nothing is."""
    before = match.string[max(0, match.start() - _QUOTED) : match.start()]
    return bool(re.search(rf"(?<![^\s(]){sign}[^{sign}]*$", before))


def _inches(match: Match[str]) -> str:
    """27" unless the sign closes a quotation."""
    if _in_quotation(match, '"'):
        return match[0]
    return f"{match[1]} {'inch' if match[1] == '1' or before_a_noun(match) else 'inches'}"


def _feet(match: Match[str]) -> str:
    if re.search(r"(?<!\w)'\w", match.string[max(0, match.start() - _QUOTED) : match.start() + 1]):
        return match[0]
    return f"{match[1]} {'foot' if match[1] == '1' or before_a_noun(match) else 'feet'}"


def _position(match: Match[str]) -> str:
    """'40°42'N' -> 'forty degrees forty two minutes north'."""
    names = ("degrees", "minutes", "seconds")
    parts = [f"{numbers.number(part)} {name}" for part, name in zip(match.groups()[:3], names, strict=True) if part]
    return " ".join([*parts, DIRECTIONS[match[4]]])


def _mixed(match: Match[str]) -> str:
    """'1-1/2' -> '1 and 1/2': what is less than one ends no range that begins with one or more."""
    whole, above, below = match.groups()
    return f"{whole} and {above}/{below}" if 0 < int(above) < int(below) else match[0]


def _strengths(match: Match[str]) -> str:
    """'875-125 mg', '5/325 mg' -> '875, 125 mg': of a medicine with two substances. A range rises, and not so far."""
    first, last = (float(number.replace(",", "")) for number in match.groups())
    return f"{match[1]}, {match[2]}" if last < first or last >= _WIDEST * first else match[0]


def _part_of_unit(match: Match[str]) -> str:
    """'1/2 mg' -> 'one half milligram', '2 and 1/2 mL' -> 'two and one half milliliters'."""
    whole, above, below, unit = match.groups()
    one, many = LENGTHS.get(small(unit)) or UNITS[small(unit)]
    if not 0 < int(above) < int(below):
        return match[0]
    said = f"{numbers.cardinal(whole.removesuffix(' and '))} and " if whole else ""
    return f"{said}{numbers.fraction(above, below)} {many if whole and not before_a_noun(match) else one}"


def _score(match: Match[str]) -> str:
    """'9/10' -> 'nine out of ten', as people give marks; of what is divided, '9/10 of', it is a fraction."""
    return match[0].replace("/", " out of ")


def _shares(match: Match[str]) -> str:
    """'60/40' -> 'sixty forty': parts of a hundred."""
    return f"{match[1]} {match[2]}" if int(match[1]) + int(match[2]) == 100 else match[0]


def _plural(match: Match[str]) -> str:
    digits = match[1]
    words = numbers.year(digits) if re.fullmatch(r"1[1-9]\d\d|20\d\d", digits) else numbers.cardinal(digits)
    return numbers.plural(words)


def _niners(match: Match[str]) -> str:
    return numbers.cardinal(match[1]).removesuffix("e") + "ers"


def _seconds(amount: str) -> str:
    return f"{numbers.number(amount)} {'second' if amount == '1' else 'seconds'}"


def _integer(match: Match[str]) -> str:
    """A bare number; four digits of a likely year are read as one, long runs of digits one by one."""
    digits = match[0]
    if re.fullmatch(r"1[1-9]\d\d|20\d\d|10[5-9]\d", digits):
        return numbers.year(digits)
    return numbers.spelled(digits) if re.fullmatch(r"\d{7,}", digits) else numbers.cardinal(digits)


QUANTITIES: tuple[Rule, ...] = (
    rule(r"\b50/50\b", "fifty fifty"),
    rule(r"\bv(?=\d)", "v ", exact=True),
    # what looks like a range and is none
    rule(rf"(?<![\w/.,-])(\d{{1,3}}){DASH}(\d{{1,2}})/(\d{{1,2}})(?![\w/])", _mixed),
    rule(r"\b([A-Z][A-Za-z]{0,20}-?\d{1,3}(?:\.\d{1,3})?)-(?=\d{1,4}(?:\.\d)?[BM]\b)", r"\1 ", exact=True),
    rule(rf"({NUMBER})(?:{DASH}|/)({NUMBER_BEHIND})(?=\s?(?:{_STRENGTHS})\b)", _strengths),
    # ranges: 'to' between numbers, whatever is behind them
    rule(r"(?<=\d)~(?=\d)|(?<=\d)\s?[–—]\s?(?=[$£€]?\d)|(?<=\d)(?<!\d\s)-(?=\d)", " to "),
    rule(rf"(?<=\d[%°kKmMF])\s?{DASH}\s?(?=\d)|(?<=\dC){DASH}(?=\d{{1,3}}C\b)|(?<=°[CF])\s?{DASH}\s?(?=\d)", " to "),
    rule(rf"(\d\s?(?:[kcm]?m|kg|mg|g|lbs?|oz|ft|GB|MB)){DASH}(?=\d)", r"\1 to "),
    rule(rf"(?<=\d[snrt][tdh]){DASH}(?=\d{{1,3}}(?:st|nd|rd|th)\b)", " to "),
    rule(r"\b([A-Z])[-–](?=Z\b)", r"\1 to ", exact=True),
    rule(r"(?<![\w.])[~≈]\s?(?=[$£€]?\d)", "about "),
    rule(r"(?<![\w.])-(?=\.?\d)", " minus "),
    # scales
    rule(rf"({NUMBER})\s?T(?=\s(?:{_MAGNETS})\b)", lambda m: f"{numbers.number(m[1])} tesla", exact=True),
    rule(rf"({NUMBER})\s?T(?=\+?\s(?:{COUNTED})\b)", lambda m: numbers.scaled(m[1], "T"), exact=True),
    rule(
        rf"({NUMBER})\s?([MB])\b(?=\+?(?:[\s.,;!?)]|$))(?<!\sB)(?!\s(?:{_LETTERED})\b)",
        lambda m: numbers.scaled(m[1], m[2]),
        exact=True,
    ),
    rule(rf"({NUMBER})([MB])(?=\s(?:{_LETTERED})\b)", lambda m: f"{numbers.number(m[1])} {m[2]}", exact=True),
    rule(rf"({NUMBER})m(?=\+?\s(?:{COUNTED})\b)", lambda m: numbers.scaled(m[1], "m")),
    rule(
        rf"(?<![\w.,])([1-9])([GK])\b(?!\+?\s(?:{COUNTED})\b)", lambda m: f"{numbers.cardinal(m[1])} {m[2]}", exact=True
    ),
    rule(rf"({NUMBER})(k|bn|mn|tn)\b", lambda m: numbers.scaled(m[1], m[2])),
    # lengths, angles, fractions
    rule(
        rf"({NUMBER})\s?°\s?(?:({NUMBER})')?\s?(?:({NUMBER})\")?\s?(N|E|S|W|NE|NW|SE|SW)\b",
        _position,
        exact=True,
    ),
    rule(r"(?<=\d[\"'])\s?[x×]\s?(?=\d)", " by "),
    rule(r"(?<![\w/.])(\d{1,3}\.\d{1,2})/(\d{1,3})(?![\w/.])", r"\1 out of \2"),
    rule(r"(\d)'\s?(\d{1,2})\b(?:\"|'')?", r"\1 foot \2 "),
    rule(r'(?<![\d.])(\d++(?:\.\d++)?)"(?!\w)', _inches),
    rule(r"(?<![\w.'])(\d{1,3})'(?!\w)", _feet),
    rule(rf"(?<=\d)\s?[x×]\s?(?={NUMBER_BEHIND}\s?(?:{_STRENGTHS}|ml|tablets?|capsules?|pills?)\b)", " times "),
    rule(rf"(?<=\d)x(?=\s?/\s?(?:{PER}|{one_of(PER_SHORT)})\b|\s(?:{_TIMES})\b)", " times"),
    rule(r"(?<= to )(\d{1,3}(?:\.\d)?)x(?!\w)", r"\1 times"),
    rule(r"\b(\d{1,2})x(\d{1,2})s\b", lambda m: f"{m[1]} by {numbers.plural(numbers.cardinal(m[2]))}"),
    rule(r"(?<=\d\d\d)\s?×\s?(?=\d\d\d)|(?<=\d)\s?x\s?(?=\d)", " by "),
    rule(r"(\d)[\s-](?=\d/\d)", r"\1 and "),
    rule(rf"(?<![\w/.,])(\d{{1,3}} and )?(\d{{1,2}})/(\d{{1,2}})[\s-]?({_ANY})(?!\w){_DOT}", _part_of_unit),
    rule(r"(?<![\w/.,])(\d{1,3} and )?(\d{1,2})/(\d{1,2})[\s-]?(in)(?:\.(?!\w)|(?=[,;)]|$))", _part_of_unit),
    rule(rf"(?<![\w/.])(?<!\d and )(\d{{1,3}})/(\d{{1,3}})(?=\s(?:{_SCORED})\b)", r"\1 out of \2"),
    rule(
        rf"(?<![\w/.])([2-9]|10)/10(?![\w/]|\.\d| (?:{_DIVIDED}|{_ANY})\b)|(?<![\w/.])5/5(?![\w/]|\.\d)",
        _score,
    ),
    rule(r"(?<![\w/.])([1-9]\d)/([1-9]\d)(?![\w/]|\.\d)", _shares),
    rule(r"(?<![\w/.])(\d{1,3})/\1(?![\w/.])", r"\1 \1"),
    rule(r"(?<![\w/.])(\d{3}/\d{2,3}|\d{2}/\d{3})(?![\w/.])", lambda m: m[1].replace("/", " over ")),
    rule(r"(?<![\w/.,])(\d{1,2})/(\d{1,4})\b(?!/|\.\d)", lambda m: numbers.fraction(m[1], m[2])),
    # units
    rule(rf"({NUMBER})\s?pt\.(?=\s(?-i:[a-z]))", lambda m: _counted(m, m[1], "pint", "pints")),
    rule(r"\b(alpha|beta|rc|dev|pre|preview)\.(?=\d)", r"\1 "),  # of versions
    rule(rf"({NUMBER})\s?({'|'.join(LENGTHS)})(?:\s(squared|cubed)|([23])(?!\w))\s?", lambda m: _power_unit(m)),
    rule(rf"({NUMBER})\s?(sq|cu)\.?\s?({'|'.join(LENGTHS)})\b{_DOT}", _area),
    rule(
        rf"({NUMBER})\s?({_EXACT})\s?/\s?((?i:{one_of(DIVISORS)}))(?:\s(squared|cubed)\s?|(?![\w/]))",
        _per_unit,
        exact=True,
    ),
    rule(rf"({NUMBER})\s?({_ANY})\s?/\s?({one_of(DIVISORS)})(?:\s(squared|cubed)\s?|(?![\w/]))", _per_unit),
    rule(rf"({NUMBER}){_HYPHEN_UNIT}({_EXACT})(?![\w°])(?<!\dA)(?<!\d\d\d\d-[AVWNJ]){_DOT}", _unit, exact=True),
    rule(rf"({NUMBER}){_HYPHEN_UNIT}({_ANY})(?!\w){_DOT}", _unit),
    rule(r"\b(\d)\s?ft\.?\s(\d{1,2})\s?in\b\.?", r"\1 foot \2"),
    rule(
        rf"({NUMBER})\s?in(?=[,;)]|$|\s(?:tall|wide|long|deep|thick|high|by)\b)",
        lambda m: _counted(m, m[1], "inch", "inches"),
    ),
    rule(rf"({NUMBER})\s?in\.(?=\s(?-i:[a-z]))", lambda m: _counted(m, m[1], "inch", "inches")),
    rule(r"\b([12]\d\d)C\b(?!-)", lambda m: f"{numbers.cardinal(m[1])} degrees celsius", exact=True),
    rule(rf"({NUMBER})F\b", lambda m: f"{numbers.number(m[1])} degrees fahrenheit", exact=True),
    rule(rf"((?:(?:{_MEASURED})\s|minus ))({NUMBER})C\b", lambda m: f"{m[1]}{numbers.number(m[2])} degrees celsius"),
    rule(rf"(?<![\w.])(\d+\.\d+)s\b|({NUMBER})\ss\b(?!')", lambda m: _seconds(m[1] or m[2])),
    rule(rf"((?:{_WAITED})\s?)(\d+)s\b", lambda m: m[1] + _seconds(m[2])),
    # ordinals, plurals, decimals
    rule(r"\b(\d[\d,]{0,20})(?:st|nd|rd|th)\b", lambda m: numbers.ordinal(m[1])),
    rule(r"(?<![\w.,])(\d{1,4})'?s\b(?!')", _plural),
    rule(r"(?<![\w.,])(\d{1,4})ers\b", _niners),
    rule(r"(?<=\d)\s?[★⭐](?=\s[a-z])", " star "),
    rule(r"(?<=\d)\s?[★⭐]", " stars "),
    rule(r"(?<!\d)\d++(?:\.\d++){2,}", lambda m: " point ".join(numbers.cardinal(part) for part in m[0].split("."))),
    rule(r"(?<![\d.])((?:\d{1,3}(?:,\d{3})++|\d++)?)\.(\d++)", lambda m: f" {numbers.decimal(m[1], m[2])} "),
    rule(r"(?<=\d)/(?=\d)", " over "),
)
INTEGERS: tuple[Rule, ...] = (rule(r"\d{1,3}(?:,\d{3})++(?!\d)|\d++", lambda m: f" {_integer(m)} "),)
