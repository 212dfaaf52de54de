"""Dots that end no sentence because of what stands round them: of the normaliser's abbreviations, of measures, 'No.'

What an abbreviation stands for, and so which there are, is in the normaliser's tables; here is where a sentence goes on
behind them.
"""

from __future__ import annotations

import re

from engine.text.normalize.tables.abbreviations import ABBREVIATIONS, BEFORE_MORE
from engine.text.normalize.tables.names import BEFORE_NUMBERS, TITLES

LOOK = 4  # characters behind the white space that decide


def words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_ALSO_WORDS = words("info fig art arts app apps tab op para ed no v")  # at the end of a sentence
_GO_ON = frozenset(key.rpartition(" ")[2] for key in {**ABBREVIATIONS, **BEFORE_MORE}) - _ALSO_WORDS
_NUMBERED = frozenset(BEFORE_NUMBERS) | words("rs")
_MEASURED = re.compile(
    r"(?:[\d¼½¾⅓⅔⅛]\s?-?|\b(?:fl|sq|cu)\.\s?)"
    r"(?:in|ft|yd|mi|sq|cu|oz|fl|pt|pts|qt|qts|gal|lbs?|hrs?|mins?|secs?|wks?|mos?|yrs?|c|t)\Z"
    r"|\d(?:st|nd|rd|th) eds?\Z",
    re.IGNORECASE,
)
_LONGEST_MEASURED = 12  # characters
_GOES_ON = re.compile(r"[^\W_A-Z]|[$€£¥(&]")
_REFERENCE = re.compile(r"[#(]?\d|[A-Z]{1,2}-?\d|(?![IA]\s[a-z])(?:[IVXLC]{1,7}|[A-Z])(?![\w'’])")
_CODE = re.compile(r"#?\d|[A-Z]{1,3}-?\d")
_DIGITS = re.compile(r"#?\d")
_NUMBER_SIGNS = words("no nr nos")
_SAID_NO = re.compile(
    r"(?:\b(?:i|say|says|said|saying|or|and|is|was|be|been|answer|answers|answered|reply|replied|told|means?|meant|an?|"
    r"big|definitely|votes?|voted|just|oh|maybe|firm|clear|whispered|well|but|it's|that's|then|still|hell)|[,:;—–])"
    r"\s{1,3}[\"“'‘]?no\Z"
)


def is_doubtful(word: str, before: str) -> bool:
    """Whether the dot behind `word`, with which the text `before` ends, may go on; what follows tells."""
    small = word.lower()
    if small in _NUMBER_SIGNS:
        return not (word == "no" and _SAID_NO.search(before))
    return small in _GO_ON or _is_numbered(word) or word in TITLES or _is_measured(before)


def may_decide(word: str, before: str, rest: str) -> bool:
    """Whether as much of what follows as `rest` is enough."""
    return not rest[:1].isupper() or len(rest) >= LOOK or (word.lower() in _NUMBER_SIGNS and before == word)


def goes_on(word: str, before: str, rest: str) -> bool:
    """Whether the sentence goes on with `rest`. Before a capital it does behind a title or before 'IV', 'B', 'A1'."""
    if word.lower() in _NUMBER_SIGNS:
        return (_CODE if before != word else _DIGITS).match(rest) is not None
    if _is_numbered(word) and _REFERENCE.match(rest):
        return True
    small = word.lower() in _GO_ON or _is_measured(before)
    return small and _GOES_ON.match(rest) is not None


def _is_numbered(word: str) -> bool:
    small = word.lower()
    return small in _NUMBERED and (word[:1].isupper() or small not in _ALSO_WORDS)


def _is_measured(before: str) -> bool:
    return _MEASURED.search(before, max(0, len(before) - _LONGEST_MEASURED)) is not None
