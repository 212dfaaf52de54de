"""A rule of the normaliser: a pattern, and what is said for what it matches. And what several rules share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from re import Match
from typing import Literal

from engine.text.normalize.needs import needs_digit
from engine.text.pronunciations import PLACES

Style = Literal["spelled", "cased"]
Replacement = str | Callable[[Match[str]], str]

# Not inside a longer number or a word, and never given back digit by digit: a page of digits stays linear.
NUMBER_BEHIND = r"(?:(?:\d{1,3}(?:,\d{3}){1,8}+(?!\d)|\d++)(?:\.\d++)?|\.\d++)"  # behind what may be anything
NUMBER = rf"(?<![\w.]){NUMBER_BEHIND}"
CAPITAL = f"[A-Z{PLACES}]"  # a word that has a pronunciation of its own counts as a name
DASH = "[-\u2013]"  # a hyphen, or the dash of a range


@dataclass(frozen=True)
class Rule:
    pattern: re.Pattern[str]
    replacement: Replacement
    style: Style | None = None  # None: both
    needs_digit: bool = field(init=False)  # without one in the text it need not be tried

    def __post_init__(self) -> None:
        object.__setattr__(self, "needs_digit", needs_digit(self.pattern))


def rule(pattern: str, replacement: Replacement, *, exact: bool = False, style: Style | None = None) -> Rule:
    """`exact`: capitals count."""
    return Rule(re.compile(pattern, 0 if exact else re.IGNORECASE), replacement, style)


def one_of(written: Iterable[str]) -> str:
    """A pattern for any of these, the longest first."""
    return "|".join(sorted(map(re.escape, written), key=len, reverse=True))


def letters(word: str) -> str:
    """'API' -> 'ay p i': the letter a alone would be read as the article."""
    return " ".join("ay" if letter in "aA" else letter.lower() for letter in word)


def small(word: str) -> str:
    """Small letters, of those too that a pattern takes for i and s when it ignores case."""
    return word.replace("İ", "i").replace("ı", "i").replace("ſ", "s").lower()


def final_dot(match: Match[str]) -> str:
    """The dot of an abbreviation also ends the sentence when nothing follows."""
    return "." if match[0].endswith(".") and not match.string[match.end() :].strip() else " "
