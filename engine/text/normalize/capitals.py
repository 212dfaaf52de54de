"""Capitals: acronyms that are spelled or read as words, words that are shouted, letters beside digits."""

from __future__ import annotations

import re
from re import Match

from engine.text.normalize.rule import Rule, letters, rule
from engine.text.normalize.tables.acronyms import CAPITAL_WORDS, EITHER, SPELLED_ACRONYMS, SPOKEN_ACRONYMS

_NEARBY = 80  # characters round a word that tell whether it is shouted
_LONG_WORD = re.compile(
    r"(?!.*[AEIOU]{3}|.*[^AEIOUY]{4}|[^AEIOUY]{3}(?<!STR)(?<!SCR)(?<!SPR)(?<!THR)(?<!SHR)(?<!SCH))\w{4,}"
)
_NEIGHBOURS = re.compile(r"([A-Z]{2,})\W{1,2}$"), re.compile(r"\W{1,2}([A-Z]{2,})\b")
_MIXED = r"\b(?=\w{0,40}[^\W\d_])(?=\w{0,40}\d)[^\W_]+\b"


def _capitals(match: Match[str]) -> str:
    """An acronym is spelled out unless it is known to be read as a word; a shouted word stays a word."""
    word, plural = match[1], match[2]
    if word in EITHER:
        return word.lower() if _among_capitals(match) else letters(word) + plural
    if word in SPOKEN_ACRONYMS:
        return SPOKEN_ACRONYMS[word] + plural
    if word not in SPELLED_ACRONYMS and (word.lower() in CAPITAL_WORDS or _is_a_word(match)):
        return word.lower() + plural
    return letters(word) + ("'s" if plural else "")


def _is_a_word(match: Match[str]) -> bool:
    """Long enough to be a word with vowels in it, or one of several capital words without any small letter."""
    word = match[1]
    if not re.search(r"[AEIOUY]", word):
        return False
    return len(word) > 5 or _LONG_WORD.fullmatch(word) is not None or _all_is_shouted(match)


def _all_is_shouted(match: Match[str]) -> bool:
    text = match.string[max(0, match.start() - _NEARBY) : match.end() + _NEARBY]
    return not re.search(r"[a-z]{2}", text) and len(re.findall(r"[A-Z]{3,}", text)) > 1


def _among_capitals(match: Match[str]) -> bool:
    """Whether a word in capitals stands beside it."""
    before = _NEIGHBOURS[0].search(match.string, max(0, match.start() - _NEARBY), match.start())
    behind = _NEIGHBOURS[1].match(match.string, match.end())
    words = [found[1] for found in (before, behind) if found is not None]
    return any(word.lower() in CAPITAL_WORDS or len(word) > 3 for word in words)


def _mixed(match: Match[str]) -> str:
    """'mp3' -> 'm p 3', 'covid19' -> 'covid 19': short letter groups beside digits are spelled."""
    pieces = _parted(match).split()
    return " ".join(letters(piece) if piece.isalpha() and len(piece) <= 3 else piece for piece in pieces)


def _parted(match: Match[str]) -> str:
    """'mp3' -> 'mp 3'."""
    return " ".join(re.findall(r"[^\W\d_]+|\d+", match[0]))


SHOUTED: tuple[Rule, ...] = (
    rule(r"\b([A-Z]+)'(LL|RE|VE|T|D|M)\b", lambda m: m[0].lower(), exact=True, style="spelled"),
)
CAPITALS: tuple[Rule, ...] = (
    rule(r"\bC\+\+", "C plus plus", exact=True),
    rule(r"\b([CF])#", r"\1 sharp", exact=True),
    rule(r"\b([A-D])-(?=\s(?:grade|average|student|in|on|or|for)\b|[.,!?]|$)", r"\1 minus", exact=True),
    rule(r"\b([A-D])\+(?=\s|[.,!?]|$)", r"\1 plus", exact=True),
    rule(r"\b(?=\w{0,40}[a-z])(?=\w{0,40}\d)[a-z\d]+\b", _mixed, style="spelled"),
    rule(_MIXED, _parted, style="cased"),
    rule(r"(?<=[^\W\d_])-(?=\d)|(?<=\d)-(?=[^\W\d_])", " ", style="cased"),
    rule(r"\b([A-Z]{2,})((?:'?s)?)\b(?!')", _capitals, exact=True, style="spelled"),
    rule(r"(?<=\w )A(?=[.,?!;:]|$)", "ay", exact=True, style="spelled"),
)
