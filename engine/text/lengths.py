"""How long a text is, and where it is cut when it is longer than a segment may be.

A Chinese, Japanese or Korean character counts for three: it is a syllable, a letter a third of one. So does an Arabic
ligature, which is up to eighteen letters.
"""

from __future__ import annotations

import re

_LAST_WORD = re.compile(r"\S*\Z")
_WIDE_MARK = re.compile("[，、；：。！？｡][」』）】》〉]*")
_CLAUSE_MARK = re.compile(r"[,;:،؛][\"'”’)\]»]{0,30}(?=\s)")
_TAG = re.compile(r"\[[a-z]{1,16}(?: [a-z]{0,16}){0,2}(?:\]|$)", re.IGNORECASE)  # or the beginning of one
_WIDE = re.compile(
    "[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\ufdf0-\ufdfd\U00020000-\U0003ffff]"
)
_FIRST_WIDE = "\u1100"
WIDE_CHARS = 3


def reaches(text: str, begin: int, end: int, length: int) -> bool:
    """Whether text [begin, end) is at least so long."""
    count = end - begin
    return count >= length or (count * WIDE_CHARS >= length and _length(text[begin:end]) >= length)


def overlong_end(window: str, fit: int) -> int:
    """Where text that does not fit is cut: behind the last clause mark unless it is far back, else behind the last
    complete word."""
    masked = _masked(window)
    head = masked[:fit]
    spaces = len(head) - len(_LAST_WORD.search(head)[0])  # type: ignore[index]
    clauses = max((mark.end() for mark in _CLAUSE_MARK.finditer(masked) if mark.end() <= fit), default=0)
    words = clauses if clauses > fit // 2 else max(spaces, _last_wide_mark(head))
    return _whole(masked, words if head[:words].strip() else 0, fit)


def split_long(text: str, max_chars: int) -> list[str]:
    """Prepared text -> pieces of at most `max_chars` characters, cut behind a comma or else between words."""
    pieces = []
    while len(text) > (fit := fitting(text, max_chars)):
        masked = _masked(text)
        head = masked[:fit]
        mark = max(head.rfind(", ") + 1, _last_wide_mark(head))
        end = _whole(masked, max(mark, head.rfind(" ") if mark <= fit // 2 else 0), fit)
        pieces.append(text[:end].strip())
        text = text[end:].strip()
    return [*pieces, text] if text else pieces


def _length(text: str) -> int:
    return len(text) + (WIDE_CHARS - 1) * len(_WIDE.findall(text))


def fitting(text: str, max_chars: int) -> int:
    """How many of the first characters are at most `max_chars` long; at least one."""
    head = text[:max_chars]
    if not _WIDE.search(head):
        return len(head)
    length = 0
    for index, char in enumerate(head):
        length += WIDE_CHARS if char >= _FIRST_WIDE and _WIDE.match(char) else 1
        if length > max_chars:
            return max(index, 1)
    return len(head)


def _masked(text: str) -> str:
    """The same length, without white space or marks inside tags."""
    return _TAG.sub(lambda match: "[" * len(match[0]), text)


def _last_wide_mark(text: str) -> int:
    return max((match.end() for match in _WIDE_MARK.finditer(text)), default=0)


def _whole(masked: str, end: int, fit: int) -> int:
    """Where overlong text is cut: at `end`, or at `fit` where no word ends or only one far back in East Asian text."""
    if end and not (end < fit // 2 and _WIDE.search(masked[end:fit])):
        return end
    before_tag = len(masked[:fit].rstrip("["))
    return before_tag if before_tag and masked[fit : fit + 1] == "[" else fit
