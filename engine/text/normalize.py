"""English text as people and language models write it -> text that can be spoken.

Two pure functions, str -> str, over one list of rules (rules.py): numbers, times, dates, money, units, abbreviations
and symbols become words.

  normalize   for a voice that knows letters only: nothing but a-z, space and ' . , ? ! comes out. Acronyms are spelled,
              what cannot be spoken (emoji, other scripts, markup) is dropped; text with nothing speakable becomes "".
  write_out   for the published models: capitals, accents, punctuation and the model's own tags stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from re import Match

from engine.text.rules import RULES, Replacement
from engine.text.vocabulary import LETTERS, SIGNS

_SPELLED_CHARACTERS = str.maketrans({**SIGNS, **LETTERS})
_CASED_CHARACTERS = str.maketrans(SIGNS)
_FIRST_PLACE = 0xE000  # of the private use area: characters that stand for tags while the rules run


def normalize(text: str) -> str:
    """Speakable text, or "" when there is nothing to speak."""
    text = unicodedata.normalize("NFKC", text.translate(_SPELLED_CHARACTERS))
    for rule in RULES:
        if rule.style != "cased":
            text = rule.pattern.sub(rule.replacement, text)
    return _tidy(_folded(text))


def write_out(text: str, tags: frozenset[str] = frozenset()) -> str:
    """The same text with words for what is not written in words; `tags` pass untouched."""
    text = re.sub("[\ue000-\uf8ff]", "", text).translate(_CASED_CHARACTERS)
    places = {tag: chr(_FIRST_PLACE + index) for index, tag in enumerate(sorted(tags, key=len, reverse=True))}
    for tag, place in places.items():
        text = text.replace(tag, place)
    for rule in RULES:
        if rule.style != "spelled":
            text = rule.pattern.sub(_fitted(rule.replacement), text)
    for tag, place in places.items():
        text = text.replace(place, tag)
    return text


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


def _folded(text: str) -> str:
    """Accents taken off, lower case, everything else unspeakable replaced by a space."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return re.sub(r"[^a-z'.,?! ]", " ", plain.lower())


def _tidy(text: str) -> str:
    """One mark between words, the strongest of those written, and apostrophes inside or before words only."""
    if not re.search("[a-z]", text):
        return ""
    text = re.sub(r"(?<![a-z])'+|'+(?![a-z])", " ", text)
    text = re.sub(r"[\s,.?!]*[,.?!][\s,.?!]*", lambda m: _strongest(m[0]) + " ", text)
    return " ".join(text.split()).lstrip(",.?! ")


def _strongest(marks: str) -> str:
    return next(mark for mark in "?!.," if mark in marks)
