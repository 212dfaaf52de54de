"""How written English is read: the ordered rules of the normaliser, for two ways of writing what was read.

A voice that knows the letters a-z alone has everything spelled out, acronyms and punctuation included ("spelled"); the
published models know capitals and punctuation, and get numbers, dates, money, units, abbreviations and symbols as words
("cased"). A rule without a style serves both. Rules work on whole segments: a piece cut inside a number cannot be
understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from re import Match
from typing import Literal

from engine.text import numbers
from engine.text.vocabulary import (
    ABBREVIATIONS,
    CAPITAL_ABBREVIATIONS,
    CAPITAL_WORDS,
    EXACT_UNITS,
    MONTH_NAMES,
    MONTHS,
    NUMBERED,
    PER,
    PER_SHORT,
    ROYAL,
    SPELLED_ACRONYMS,
    SPOKEN_ACRONYMS,
    STREETS,
    SYMBOLS,
    TITLES,
    UNDOTTED,
    UNITS,
    ZONES,
)

Style = Literal["spelled", "cased"]
Replacement = str | Callable[[Match[str]], str]

# Not inside a longer number, and never given back digit by digit: a page of digits stays linear.
_NUMBER = r"(?<![\d.])(?:\d{1,3}(?:,\d{3})++|\d++)(?:\.\d++)?"
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_CLOCK_12 = r"\b(\d{1,2})(?::(\d\d))?(?::\d\d)?\s?([ap])(?:\.\s?m\.|m\b\.?(?!\w))"
_MIXED = r"\b(?=\w{0,40}[^\W\d_])(?=\w{0,40}\d)[^\W_]+\b"
_NEARBY = 80  # characters round a word that tell whether it is shouted
_EXACT_UNITS = "|".join(sorted(map(re.escape, EXACT_UNITS), key=len, reverse=True))
_SECRET = (  # what a number behind it is read digit by digit for
    r"(?:code|otp|pin|password|passcode|token|id|account|confirmation|order|tracking|invoice|ticket|reference|card)"
    r"(?:\s(?:number|code|id|is|was|ending in|no\.?)){0,3}(?:\s?[:#])?\s#?"
)
_LONG_WORD = re.compile(
    r"(?!.*[AEIOU]{3}|.*[^AEIOUY]{4}|[^AEIOUY]{3}(?<!STR)(?<!SCR)(?<!SPR)(?<!THR)(?<!SHR)(?<!SCH))\w{4,}"
)
_SCALE = "thousand|million|billion|trillion"


@dataclass(frozen=True)
class Rule:
    pattern: re.Pattern[str]
    replacement: Replacement
    style: Style | None = None  # None: both


def letters(word: str) -> str:
    """'API' -> 'ay p i': the letter a alone would be read as the article."""
    return " ".join("ay" if letter in "aA" else letter.lower() for letter in word)


def _web(match: Match[str]) -> str:
    """An address, symbol by symbol."""
    spoken = re.sub(r"^https?://", "", match[0], flags=re.IGNORECASE)
    for symbol, words in ((".", " dot "), ("/", " slash "), ("@", " at "), ("-", " dash "), ("_", " underscore ")):
        spoken = spoken.replace(symbol, words)
    spoken = re.sub(r"\bwww\b", "w w w", spoken)
    return re.sub(r"\d+", lambda digits: f" {numbers.cardinal(digits[0])} ", re.sub(r"[^\w\s]", " ", spoken))


def _clock_12(match: Match[str], half: str) -> str:
    """The dot of 'p.m.' also ends the sentence when a capital letter or nothing follows."""
    ends = match[0].endswith(".") and re.match(r"\s*$|\s+[A-Z]", match.string[match.end() :])
    return numbers.clock(match[1], match[2] or "00", half) + ("." if ends else "")


def _small(word: str) -> str:
    """Small letters, of those too that a pattern takes for i and s when it ignores case."""
    return word.replace("İ", "i").replace("ı", "i").replace("ſ", "s").lower()


def _abbreviation(match: Match[str]) -> str:
    spoken = CAPITAL_ABBREVIATIONS.get(match[1]) or ABBREVIATIONS[_small(match[1])]
    return spoken + _final_dot(match)


def _dotted(match: Match[str]) -> str:
    """'U.S.A.' -> 'u s ay', initials likewise."""
    return letters(re.sub(r"[^A-Za-z]", "", match[0])) + _final_dot(match)


def _final_dot(match: Match[str]) -> str:
    """The dot of an abbreviation also ends the sentence when nothing follows."""
    return "." if match[0].endswith(".") and not match.string[match.end() :].strip() else " "


def _date(year: str, month: str, day: str, written: str) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return written
    return f"{MONTH_NAMES[int(month) - 1]} {numbers.ordinal(day)}, {numbers.year(year)}"


def _slash_date(match: Match[str]) -> str:
    """12/31/2024, or 31/12/2024 when the first cannot be a month."""
    first, second, year = match.groups()
    month, day = (first, second) if int(first) <= 12 else (second, first)
    return _date(year, month, day, match[0])


def _unit(match: Match[str]) -> str:
    one, many = UNITS[_small(match[2])]
    return f"{numbers.number(match[1])} {one if match[1] == '1' else many}"


def _exact_unit(match: Match[str]) -> str:
    one, many = EXACT_UNITS[match[2]]
    return f"{numbers.number(match[1])} {one if match[1] == '1' else many}"


def _power_unit(match: Match[str]) -> str:
    """'41 km cubed' -> 'forty one cubic kilometers'."""
    one, many = UNITS[_small(match[2])]
    power = "square" if match[3].lower() == "squared" else "cubic"
    return f"{numbers.number(match[1])} {power} {one if match[1] == '1' else many} "


def _inches(match: Match[str]) -> str:
    """27" unless the sign closes a quotation."""
    if match.string.count('"', 0, match.start()) % 2:
        return match[0]
    return f"{match[1]} {'inch' if match[1] == '1' else 'inches'}"


def _characters(match: Match[str]) -> str:
    """'ab9453' -> 'ay b nine four five three'; in front of it stands what it is."""
    runs = re.findall(r"\d+|\D+", match[2])
    signs = [numbers.spelled(run) if run.isdigit() else letters(run) for run in runs]
    return match[1] + " ".join(signs)


def _month_day(match: Match[str]) -> str:
    """'12/25' -> 'december twenty fifth'."""
    return f"{MONTH_NAMES[int(match[1]) - 1]} {numbers.ordinal(match[2])}"


def _street(match: Match[str]) -> str:
    return match[1] + STREETS[match[2]] + _final_dot(match)


def _telephone(match: Match[str]) -> str:
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(numbers.spelled(group) for group in re.findall(r"\d+", match[0]))


def _roman(match: Match[str]) -> str:
    """'World War II' -> 'war two', 'Henry VIII' -> 'Henry the eighth'."""
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in match[2].upper()]
    total = str(sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True)))
    spoken = f"the {numbers.ordinal(total)}" if re.fullmatch(ROYAL, match[1]) else numbers.cardinal(total)
    return f"{match[1]} {spoken}"


def _integer(match: Match[str]) -> str:
    """A bare number; four digits of a likely year are read as one, long runs of digits one by one."""
    digits = match[0]
    if re.fullmatch(r"1[1-9]\d\d|20\d\d", digits):
        return numbers.year(digits)
    return numbers.spelled(digits) if re.fullmatch(r"\d{7,}", digits) else numbers.cardinal(digits)


def _capitals(match: Match[str]) -> str:
    """An acronym is spelled out unless it is known to be read as a word; a shouted word stays a word."""
    word, plural = match[1], match[2]
    if word in SPOKEN_ACRONYMS and not (_shouted(match) and word == "US"):
        return SPOKEN_ACRONYMS[word] + plural
    if word.lower() in CAPITAL_WORDS or _shouted(match):
        return word.lower() + plural
    return letters(word) + ("'s" if plural else "")


def _shouted(match: Match[str]) -> bool:
    """Long enough to be a word with vowels in it, or one of several capital words without any small letter."""
    word, text = match[1], match.string[max(0, match.start() - _NEARBY) : match.end() + _NEARBY]
    if not re.search(r"[AEIOUY]", word) or word in SPELLED_ACRONYMS:
        return False
    return (
        len(word) > 5
        or _LONG_WORD.fullmatch(word) is not None
        or (not re.search(r"[a-z]{2}", text) and len(re.findall(r"[A-Z]{3,}", text)) > 1)
    )


def _mixed(match: Match[str]) -> str:
    """'mp3' -> 'm p 3', 'covid19' -> 'covid 19': short letter groups beside digits are spelled."""
    pieces = _parted(match).split()
    return " ".join(letters(piece) if piece.isalpha() and len(piece) <= 3 else piece for piece in pieces)


def _parted(match: Match[str]) -> str:
    """'mp3' -> 'mp 3'."""
    return " ".join(re.findall(r"[^\W\d_]+|\d+", match[0]))


def _rule(pattern: str, replacement: Replacement, *, exact: bool = False, style: Style | None = None) -> Rule:
    return Rule(re.compile(pattern, 0 if exact else re.IGNORECASE), replacement, style)


# In this order; what an earlier rule has spoken no later one sees as written.
RULES = (
    _rule(r"\[([^\[\]\n]{1,200})\]\([^()\s]{0,500}\)", r"\1", style="cased"),
    # addresses: their dots and slashes mean something else than elsewhere
    _rule(r"https?://[^\s\"<>()]*\w/?|www\.[^\s\"<>()]*\w|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}", _web),
    _rule(
        r"\b[a-z][\w-]{0,63}(?:\.[\w-]{1,63}){0,8}"
        r"\.(?:com|org|net|edu|gov|io|dev|ai|co\.uk|de|py|txt|pdf|html)\b(?:/[\w./-]*\w)?",
        _web,
    ),
    # markup and set phrases
    _rule(r"(?m)^[ \t]*(?:#{1,6}|[-*•])[ \t]+", "", style="cased"),
    _rule(r"(?<=\d)\s?\*\s?(?=\d)", " times "),
    _rule(r"(?<=\d)~(?=\d)|(?<=\d)\s?[-~]\s?(?=[$£€¥₹]\d)", " to "),
    _rule(r"[*_`^\\<>~]+(?=\w)|(?<=\w)[*_`^\\<>~]+(?=\s|$|[.,!?])", " "),
    _rule(r"\bw/o\b", "without"),
    _rule(r"\bw/\s?(?=\w)", "with "),
    _rule(r"\band/or\b", "and or"),
    _rule(r"\b24/7\b", "twenty four seven"),
    _rule(r"\b50/50\b", "fifty fifty"),
    _rule(r"\bC#", "c sharp"),
    _rule(r"\b([A-Z]+)'(LL|RE|VE|T|D|M)\b", lambda m: m[0].lower(), exact=True, style="spelled"),
    _rule(r"\bv(?=\d)", "v ", exact=True),
    # ranges and sums
    _rule(r"(\d)-(?=\d{1,9}\s?=)", r"\1 minus "),
    _rule(r"(?<=\d[ap]m)\s?[-–]\s?(?=\d{1,2}(?::\d\d)?\s?[ap]\.?m)", " to "),
    # digits that are no quantity
    _rule(r"\b\d{4}(?: \d{4}){2,3}\b|\b\d{4}(?:-\d{4}){2,3}\b|\b\d{3}\.\d{3}\.\d{4}\b", _telephone),
    _rule(
        rf"\b({_SECRET})(\d{{4,12}}|(?=[a-z]{{0,11}}\d)(?=\d{{0,11}}[a-z])[a-z\d]{{4,12}})\b(?![,.:/-]\w)", _characters
    ),
    _rule(r"\b([A-Z]{2} )(\d{5})\b(?![,.]\d)", lambda m: m[1] + numbers.spelled(m[2]), exact=True),
    _rule(r"(?<![\d/.])(1[0-2]|0?[1-9])/(1[3-57-9]|2[1-9]|3[01])(?![\d/])", _month_day),
    _rule(r"((?:\d|[ap]\.?m\.?) )([ECMP])[SD]?T\b", lambda m: f"{m[1]}{ZONES[m[2].upper()]} time", exact=True),
    _rule(r"(\d)\s?–\s?(?=[$£€]?\d)", r"\1 to "),
    _rule(r"–", " - ", style="spelled"),
    # times and dates
    _rule(_CLOCK_12, lambda m: _clock_12(m, letters(m[3] + "m")), style="spelled"),
    _rule(_CLOCK_12, lambda m: _clock_12(m, m[3].upper() + "M"), style="cased"),
    _rule(r"\b([01]?\d|2[0-4]):([0-5]\d)(?::[0-5]\d)?\b(?:\s?h\b)?", lambda m: numbers.clock(m[1], m[2])),
    _rule(r"\b(\d{4})-(\d\d?)-(\d\d?)\b", lambda m: _date(m[1], m[2], m[3], m[0])),
    _rule(r"\b(\d{1,2})[/.](\d{1,2})[/.]((?:19|20)\d\d)\b", _slash_date),
    _rule(
        rf"\b({_MONTH})\b\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]?\d)",
        lambda m: f"{MONTHS[_small(m[1])]} {numbers.ordinal(m[2])}",
    ),
    _rule(
        rf"\b(?:the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})\b\.?(?!\w)(?=\s+\d{{4}}|[\s,.!?]|$)",
        lambda m: f"the {numbers.ordinal(m[1])} of {MONTHS[_small(m[2])]}{_final_dot(m)}",
    ),
    # abbreviations, initials, roman numbers
    _rule(r"\b(?:no|nr)\.\s?(?=\d)|#\s?(?=\d)", "number "),
    _rule(r"\bp\.\s?(?=\d)", "page "),
    _rule(r"\bfig\.\s?(?=\d)", "figure "),
    _rule(r"\bSt\.?(?=\s+[A-Z])", "saint", exact=True),
    _rule(r"(?<=\w )St\b\.?", "street", exact=True),
    _rule(rf"(\d (?:[A-Z][\w']{{1,30}} ){{1,3}})({'|'.join(STREETS)})\b\.?", _street, exact=True),
    _rule(rf"\b({'|'.join(TITLES)})\.(?=\s[A-Z])", lambda m: TITLES[m[1]], exact=True),
    _rule(rf"(?<![\w.])({'|'.join(UNDOTTED)})\b\.?(?!\w)", _abbreviation),
    _rule(rf"(?<![\w.])({'|'.join(map(re.escape, ABBREVIATIONS))})\.(?!\w)", _abbreviation),
    _rule(rf"(?<![\w.])({'|'.join(CAPITAL_ABBREVIATIONS)})\.(?=,|\s+[\da-z])", _abbreviation, exact=True),
    _rule(r"\b(?:[A-Z]\.\s?){2,10}(?=[A-Z][a-z])|\b(?:[A-Za-z]\.){2,10}(?!\w)", _dotted, exact=True, style="spelled"),
    _rule(
        r"(?<=[a-z] )(?<!Plan )(?<!plan )([B-HJ-Z])\.(?=\s[A-Z][a-z])",
        lambda m: letters(m[1]),
        exact=True,
        style="spelled",
    ),
    _rule(rf"\b((?i:{NUMBERED}))\s+([IVX]{{2,}}|[VX]|I(?=[.,:;)]|$))\b", _roman, exact=True),
    _rule(rf"\b({ROYAL})\s+([IVX]+)\b(?!')", _roman, exact=True),
    # money, telephone numbers, quantities
    _rule(r"\b(?:US|CA|AU|NZ|HK|A|C)\$(?=\s?\d)", "$", exact=True),
    _rule(rf"(?<![$£€¥₹])({_NUMBER})M\b", lambda m: numbers.scaled(m[1], "m"), exact=True),
    _rule(rf"(?<![$£€¥₹])({_NUMBER})B(?=\s[a-z])", lambda m: numbers.scaled(m[1], "b"), exact=True),
    _rule(
        rf"([{re.escape(numbers.CURRENCY_SYMBOLS)}])\s?({_NUMBER})(?:\s?(k|m|mn|bn|b|tn|{_SCALE})\b)?",
        lambda m: numbers.money(m[1], m[2], m[3] or ""),
    ),
    _rule(rf"({_NUMBER})\s?([€£¥])", lambda m: numbers.money(m[2], m[1])),
    _rule(rf"(?<=[a-z])\s?/\s?(?=(?:{PER})\b)", " per "),
    _rule(rf"(?<=[a-z])\s?/\s?({'|'.join(PER_SHORT)})\b", lambda m: f" per {PER_SHORT[_small(m[1])]}"),
    _rule(r"\+\d{1,4}(?:[- ]?\(?\d{2,10}\)?){1,5}\b", _telephone),
    _rule(
        r"(?<![\w.])(?:\(\d{3}\)\s?|\d{3}[- ])\d{3}[- ]\d{4}\b|\b\d{2,4}(?:-\d{2,4}){2,4}\b|\b\d{3}-\d{4}\b", _telephone
    ),
    _rule(r"(\d)-(?=[$£€]?\d)", r"\1 to "),
    _rule(r"(?<![\w.])-\s?(?=\.?\d)|(?<=\d) - (?=\d)", " minus "),
    _rule(r"(\d)'\s?(\d{1,2})\b(?:\"|'')?", r"\1 foot \2 "),
    _rule(r"(\d)\s(?=\d/\d)", r"\1 and "),
    _rule(r"\b([1-9]?\d)/(\d{1,2})\b", lambda m: numbers.fraction(m[1], m[2])),
    _rule(r"\b(\d)(G|K)\b", lambda m: f"{numbers.cardinal(m[1])} {m[2]}", exact=True),
    _rule(r'(?<![\d.])(\d++(?:\.\d++)?)"(?!\w)', _inches),
    _rule(rf"({_NUMBER})\s?([kcm]?m|ft|mi)\s(squared|cubed)\s?", _power_unit),
    _rule(rf"({_NUMBER})\s?({_EXACT_UNITS})(?!\w)(?<!\dA)", _exact_unit, exact=True),
    _rule(rf"({_NUMBER})\s?({'|'.join(sorted(map(re.escape, UNITS), key=len, reverse=True))})(?!\w)", _unit),
    _rule(rf"({_NUMBER})(k|bn)\b", lambda m: numbers.scaled(m[1], m[2])),
    _rule(r"'?\b(\d0|\d{3}0)'?s\b", lambda m: numbers.decade(m[1])),
    _rule(r"\b(\d[\d,]{0,20})(?:st|nd|rd|th)\b", lambda m: numbers.ordinal(m[1])),
    _rule(r"(?<=\d)\s?[x×]\s?(?=\d)", " times "),
    _rule(r"(?<!\d)\d++(?:\.\d++){2,}", lambda m: " point ".join(numbers.cardinal(part) for part in m[0].split("."))),
    _rule(r"(?<![\d.])((?:\d{1,3}(?:,\d{3})++|\d++)?)\.(\d++)", lambda m: f" {numbers.decimal(m[1], m[2])} "),
    _rule(r"(?<=\d)/(?=\d)", " over "),
    # words with digits, capitals, whole numbers
    _rule(r"\b(?=\w{0,40}[a-z])(?=\w{0,40}\d)[a-z\d]+\b", _mixed, style="spelled"),
    _rule(_MIXED, _parted, style="cased"),
    _rule(r"(?<=[^\W\d_])-(?=\d)|(?<=\d)-(?=[^\W\d_])", " ", style="cased"),
    _rule(r"\bPhD\b", "p h d", exact=True, style="spelled"),
    _rule(r"\b([A-Z]{2,})((?:'?s)?)\b(?!')", _capitals, exact=True, style="spelled"),
    _rule(r"(?<=\w )A(?=[.,?!;:]|$)", "ay", exact=True, style="spelled"),
    _rule(r"\d{1,3}(?:,\d{3})++(?!\d)|\d++", lambda m: f" {_integer(m)} "),
    # symbols and the punctuation that has no sound of its own
    _rule(r"(?<=[^\W\d_]{2})\.(?=[^\W\d_]{2})", " dot "),
    _rule(r"<=", "≤"),
    _rule(r">=", "≥"),
    _rule(r"(?<=\s)<(?=\s)", "less than"),
    _rule(r"(?<=\s)>(?=\s)", "greater than"),
    _rule(r"(?<=\w)\s?/\s?(?=\w)", " slash "),
    _rule(r"\.{2,}(?=\s*[a-z])", ", ", exact=True, style="spelled"),
    _rule(r"[;:()\[\]{}\n]+|\s-+\s|--+|(?<=\w)\s?-+$", ", ", style="spelled"),
    _rule(f"[{re.escape(''.join(SYMBOLS))}]", lambda m: SYMBOLS[m[0]]),
)
