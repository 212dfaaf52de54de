"""English text as people and language models write it -> text that can be spoken.

Pure functions over one list of rules (rules.py): numbers, times, dates, money, units, abbreviations and symbols become
words.

  normalize   for a voice that knows letters only: nothing but a-z, space and ' . , ? ! comes out. Acronyms are spelled,
              what cannot be spoken (emoji, other scripts, markup) is dropped; text with nothing speakable becomes "".
  traced      the same, and where in the text every character of it came from.
  write_out   for the published models: capitals, accents, punctuation and the model's own tags stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from re import Match
from typing import TypeVar

from engine.text.normalize.needs import DIGIT
from engine.text.normalize.order import RULES
from engine.text.normalize.rule import Replacement, Rule
from engine.text.normalize.tables.signs import LETTERS, RAISED, SIGNS
from engine.text.pronunciations import FIRST_PLACE, LAST_PLACE, PLACES
from engine.text.traced import Traced

T = TypeVar("T", str, Traced)

_SPELLED = tuple(rule for rule in RULES if rule.style != "cased")
_CASED = tuple(rule for rule in RULES if rule.style != "spelled")
_SPELLED_CHARACTERS = str.maketrans({**SIGNS, **LETTERS})
_CASED_CHARACTERS = str.maketrans(SIGNS)
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]{0,30}[ -/]?[@-~]|[@-Z\\^_])?")  # of a terminal
_GROUPED = re.compile("(?<=\\d)[\u00a0\u2009\u202f](?=\\d{3}(?!\\d))")  # the space inside '12 000'
_RAISED = re.compile(f"[{''.join(RAISED)}]{{2,12}}")  # '10²³'
_SPOKEN = frozenset("abcdefghijklmnopqrstuvwxyz'.,?! ")
_LETTER = re.compile(f"[a-z{PLACES}]")
_LOOSE_APOSTROPHES = re.compile(rf"(?<![a-z{PLACES}])'+|'+(?![a-z{PLACES}])")
_MARKS = re.compile(r"[\s,.?!]*[,.?!][\s,.?!]*")
_SPACES, _EDGES = re.compile(" +"), re.compile("^[,.?! ]+| +$")
_FIRST_TAG = 0xE000  # of the private use area: characters that stand for tags while the rules run


def normalize(text: str) -> str:
    """Speakable text, or "" when there is nothing to speak."""
    return traced(text).text


def traced(text: str | Traced) -> Traced:
    """`normalize`, knowing where in `text` everything came from. Places of pronunciations stay what they are."""
    spoken = (
        (Traced.of(text) if isinstance(text, str) else text)
        .sub(_ESCAPE, "")
        .sub(_GROUPED, ",")
        .sub(_RAISED, _exponent)
        .each(lambda char: char.translate(_SPELLED_CHARACTERS))
        .normalized("NFKC")
    )
    spoken = _rewritten(spoken, _SPELLED, lambda rule, spoken: spoken.sub(rule.pattern, rule.replacement))
    return _tidy(_folded(spoken))


def write_out(text: str, tags: frozenset[str] = frozenset()) -> str:
    """The same text with words for what is not written in words; `tags` pass untouched, as do places of
    pronunciations."""
    text = _GROUPED.sub(",", _ESCAPE.sub("", re.sub("[\ue000-\uf8ff]", "", text)))
    text = _RAISED.sub(_exponent, text).translate(_CASED_CHARACTERS)
    places = {tag: chr(_FIRST_TAG + index) for index, tag in enumerate(sorted(tags, key=len, reverse=True))}
    for tag, place in places.items():
        text = text.replace(tag, place)
    text = _rewritten(text, _CASED, lambda rule, text: rule.pattern.sub(_fitted(rule.replacement), text))
    for tag, place in places.items():
        text = text.replace(place, tag)
    return text


def _rewritten(text: T, rules: Sequence[Rule], apply: Callable[[Rule, T], T]) -> T:
    """By one rule after the other; those that need a digit are tried where there is one."""
    before: T | None = None
    has_digit = False
    for rule in rules:
        if text is not before:
            has_digit = DIGIT.search(text if isinstance(text, str) else text.text) is not None
        before = text
        if has_digit or not rule.needs_digit:
            text = apply(rule, text)
    return text


def _exponent(match: Match[str]) -> str:
    return "^" + "".join(RAISED[sign] for sign in match[0])


def _fitted(replacement: Replacement) -> Callable[[Match[str]], str]:
    """The replacement with a capital where one was written, and with spaces towards words only."""

    def fitted(match: Match[str]) -> str:
        words = (match.expand(replacement) if isinstance(replacement, str) else replacement(match)).strip()
        before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
        if not words:
            return " " if before.isalnum() and after.isalnum() else ""
        if match[0].lstrip()[:1].isupper():
            words = words[0].upper() + words[1:]
        kept = words[0] == match[0][0]  # of a number, say: nothing was put in front
        left = " " if before.isalnum() and words[0].isalnum() and not kept else ""
        return left + words + (" " if after.isalnum() else "")

    return fitted


def _folded(spoken: Traced) -> Traced:
    """Accents taken off, lower case, everything else unspeakable replaced by a space."""
    return spoken.normalized("NFKD").each(lambda char: "" if unicodedata.combining(char) else _plain(char.lower()))


def _plain(char: str) -> str:
    return char if char in _SPOKEN or FIRST_PLACE <= char <= LAST_PLACE else " "


def _tidy(spoken: Traced) -> Traced:
    """One mark between words, the strongest of those written, and apostrophes inside or before words only."""
    if not _LETTER.search(spoken.text):
        return spoken.cut(0, 0)
    spoken = spoken.sub(_LOOSE_APOSTROPHES, " ").sub(_MARKS, lambda match: _strongest(match[0]) + " ")
    return spoken.sub(_SPACES, " ").sub(_EDGES, "")


def _strongest(marks: str) -> str:
    return next(mark for mark in "?!.," if mark in marks)
