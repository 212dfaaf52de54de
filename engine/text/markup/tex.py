"""Formulas of TeX in a text: '$...$', '$$...$$', '\\(...\\)', '\\[...\\]'. Money ('$5 and $6') is none."""

from __future__ import annotations

import re

from engine.text.markup.cursor import Cursor, Window
from engine.text.markup.formulas import spoken
from engine.text.markup.inline import escape
from engine.text.markup.rules import MORE, Style, window

_INLINE = 300  # characters of a formula in a line,
_DISPLAY = 1000  # and of one that stands alone
_MONEY = re.compile(r"\$\d[\d,]*+(?:\.\d++)?+")
_UNIT = re.compile(r"[A-Za-z]{0,2}")
_GOES_ON = "+-*/=^\\_<>$({"  # behind a number: perhaps a formula
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}")
_TEXT = re.compile(r"\\(?:text|mathrm|operatorname|mathbf|mathit|textbf|begin|end)\*?\{[^{}]*(?:\}|\Z)")
_SIGN = re.compile(r"[\\^_{}=+<>|]")
_PROSE = re.compile(r"(?<!\\)\b[A-Za-z]{2,}")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")


def dollar(cursor: Cursor, style: Style) -> bool | None:
    at = cursor.at
    following = cursor.text[at + 1 : at + 2]
    if not following:
        return False if cursor.final else MORE
    if following == "$":
        return _between(cursor, style, at + 2, "$$")
    if cursor.before.isalnum() or following.isspace():
        return False
    seen = window(cursor, _INLINE)
    money = _is_money(seen, at)
    if money is not False:
        return MORE if money is MORE else False
    return _inline(cursor, style, seen)


def _is_money(seen: Window, at: int) -> bool | None:
    amount = _MONEY.match(seen.text, at)
    if amount is None:
        return False
    end = amount.end()
    if seen.lacks(end):
        return MORE
    letters = _UNIT.match(seen.text, end)
    assert letters is not None
    if letters[0]:
        if seen.lacks(letters.end()):
            return MORE
        return len(letters[0]) > 1 or letters[0] in "kKMBT"
    behind = end
    while behind < len(seen.text) and seen.text[behind] == " ":
        behind += 1
    if seen.lacks(behind):
        return MORE
    following = seen.text[behind : behind + 1]
    return not following or following not in _GOES_ON or (following == "$" and behind > end)


def _inline(cursor: Cursor, style: Style, seen: Window) -> bool | None:
    text, begin = seen.text, cursor.at + 1
    stop = begin
    while (stop := text.find("$", stop)) >= 0:
        if text[stop - 1] not in " \\\n":
            break
        if text[stop - 1] == " ":
            return False
        stop += 1
    content = text[begin : stop if stop >= 0 else len(text)]
    if "\n" in content or _WORD.search(_TEXT.sub("", content) if "\\" in content else content):
        return False
    if stop < 0:
        return MORE if seen.grows else False
    if seen.lacks(stop + 1):
        return MORE
    if text[stop + 1 : stop + 2].isdigit() or (style.careful and not _is_formula(content)):
        return False
    return _speak(cursor, style, begin, stop, stop + 1)


def _is_formula(content: str) -> bool:
    return _SIGN.search(content) is not None or _PROSE.search(content) is None


def parenthesis(cursor: Cursor, style: Style) -> bool | None:
    """'\\(' and '\\['; any other backslash is an escape."""
    opening = cursor.text[cursor.at + 1 : cursor.at + 2]
    if opening in ("(", "["):
        verdict = _between(cursor, style, cursor.at + 2, "\\)" if opening == "(" else "\\]")
        if verdict is not False:
            return verdict
    return escape(cursor, style)


def _between(cursor: Cursor, style: Style, begin: int, closing: str) -> bool | None:
    seen = window(cursor, _DISPLAY)
    stop = seen.text.find(closing, begin)
    if stop < 0 and not seen.grows:
        return False
    if _PARAGRAPH.search(seen.text, begin, stop if stop >= 0 else len(seen.text)):
        return False
    if stop < 0:
        return MORE
    if not seen.text[begin:stop].strip():
        return False
    return _speak(cursor, style, begin, stop, stop + len(closing))


def _speak(cursor: Cursor, style: Style, begin: int, stop: int, end: int) -> bool:
    """All of what is said stands for all of the formula."""
    said = spoken(cursor.text[begin:stop], in_words=style.is_english)
    left = " " if cursor.before.isalnum() else ""
    cursor.put(left + said if said else "", end)
    return True
