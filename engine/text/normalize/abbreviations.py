"""Abbreviations and initials. What is an abbreviation before a name or number only is in names.py."""

from __future__ import annotations

import re
from re import Match

from engine.text.normalize.rule import CAPITAL, Rule, final_dot, letters, one_of, rule, small
from engine.text.normalize.tables.abbreviations import (
    ABBREVIATIONS,
    BEFORE_MORE,
    CAPITAL_ABBREVIATIONS,
    TITLES_UNDOTTED,
    UNDOTTED,
)

_NO_SENTENCE = r"(?!\s(?:The|It|He|She|We|They|You|This|That|And|But|In|So|If)\b)"  # begins behind an initial


def _abbreviation(match: Match[str]) -> str:
    return ABBREVIATIONS[small(match[1])] + final_dot(match)


def _dotted(match: Match[str]) -> str:
    """'U.S.A.' -> 'u s ay', initials likewise."""
    return letters(re.sub(r"[^A-Za-z]", "", match[0])) + final_dot(match)


ABBREVIATED: tuple[Rule, ...] = (
    rule(r"\btl[;:]?\s?dr\b", "t l d r"),
    rule(r"\bw/o\b", "without"),
    rule(r"\bw/\s?(?=\w)", "with "),
    rule(r"\bb/c\b", "because"),
    rule(r"\bc/o\b", "care of"),
    rule(r"\bN/A\b", "not applicable", exact=True),
    rule(r"\band/or\b", "and or"),
    rule(r"\best\.?\s(?=\d{4}\b)", "established "),
    rule(rf"(?<![\w.])({'|'.join(TITLES_UNDOTTED)})\b\.?(?!\w)(?=\s+{CAPITAL})", _abbreviation, exact=True),
    rule(rf"(?<![\w.])({'|'.join(UNDOTTED)})\b\.?(?!\w)", _abbreviation),
    rule(rf"(?<![\w.])({one_of(ABBREVIATIONS)})\.(?!\w)", _abbreviation),
    rule(rf"(?<![\w.])({one_of(BEFORE_MORE)})\.(?=,|\s+(?-i:[\da-z$£€(]))", lambda m: BEFORE_MORE[small(m[1])]),
    rule(
        r"(?<=[A-Z][a-z] )(Inc|Corp|Co)\b\.?(?=\s(?:and|of|is|was|has)\b)",
        lambda m: BEFORE_MORE[m[1].lower()],
        exact=True,
    ),
    rule(r"(?<=[a-z&] )(Inc|Corp|Co)\.", lambda m: BEFORE_MORE[m[1].lower()] + final_dot(m).rstrip(), exact=True),
    rule(
        rf"(?<![\w.])({'|'.join(CAPITAL_ABBREVIATIONS)})\.(?=,|\s+[\da-z])",
        lambda m: CAPITAL_ABBREVIATIONS[m[1]],
        exact=True,
    ),
    rule(r"\b(?:[A-Z]\.\s?){2,10}(?=[A-Z][a-z])|\b(?:[A-Za-z]\.){2,10}(?!\w)", _dotted, exact=True, style="spelled"),
    rule(r"\bPh\.\s?D\b\.?", lambda m: "p h d" + final_dot(m), exact=True, style="spelled"),
    rule(r"\bPhDs?\b", lambda m: "p h d" + ("'s" if m[0].endswith("s") else ""), exact=True, style="spelled"),
    rule(
        r"(?<=[a-z] )(?<!Plan )(?<!plan )(?<!vitamin )(?<!Vitamin )([B-HJ-Z])\."
        rf"(?=\s[A-Z][a-z]){_NO_SENTENCE}",
        lambda m: letters(m[1]),
        exact=True,
        style="spelled",
    ),
    rule(
        r"(?:^|(?<=[.!?] ))([B-HJ-Z])\.(?=\s[A-Z][a-z])",
        lambda m: letters(m[1]),
        exact=True,
        style="spelled",
    ),
)
