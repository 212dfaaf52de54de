"""How a line begins: headings, list items, quotes, rows of tables, fences, rules, definitions.

Each rule is given where the line's first visible character is. Markers are dropped, and what is behind them is text, or
the marker of a block inside the block.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.messages import CodeBlocks
from engine.text.markup.code import fence
from engine.text.markup.cursor import Cursor, Dropped, Window
from engine.text.markup.rules import MORE, Style, run_end, window, words

_LINE = 300  # characters of a line that are looked at before it is taken for text
_INDENT = 64  # spaces in front of a marker, at most
_NUMBERS = 16  # levels of ordered lists that are remembered
_BULLETS = "*+•‣◦▪●-"
_ITEM = re.compile(rf"[{_BULLETS}][ \t](?=[^-*_:|\[\s])")  # and nothing else, whatever follows
_DIVIDER = re.compile(r"([-*_])(?:[ \t]*\1)*[ \t]*")
_DELIMITERS = re.compile(r"[-:|][-:| \t\r]*")
_UNDERLINE = re.compile(r"=+[ \t]*")
_NUMBER = re.compile(r"(\d{1,9})(?:([.)](?:[ \t]|(?=\n)|\Z))([^\W\d_]{0,12}))?")  # of an item, and the word behind it
_TASK = re.compile(r"\[([ xX])\][ \t]")
_TASK_BEGUN = re.compile(r"\[(?:[ xX]\]?)?")
_NOTE = re.compile(r"\[\^[^\]\s]{1,40}\]:[ \t]?")
_NOTE_BEGUN = re.compile(r"\[(?:\^(?:[^\]\s]{1,40}(?:\]:?)?)?)?")
_ADDRESS = re.compile(r"\[[^\]\n^][^\]\n]{0,100}\]:[ \t]{1,8}(?:<|https?:|www\.|mailto:|[/#.])")
_ADDRESS_BEGUN = re.compile(
    r"\[(?:[^\]\n^][^\]\n]{0,100}(?:\](?::[ \t]{0,8}(?:h(?:t(?:t(?:ps?)?)?)?|ww?w?|m[a-z]{0,5})?)?)?)?"
)
_MONTHS = words(
    "january february march april may june july august september october november december "
    "januar februar märz mai juni juli oktober dezember janvier février mars avril juin juillet août septembre octobre "
    "novembre décembre jan feb mar apr jun jul aug sep sept oct okt nov dec dez"
)
_MONTH_NAMES = frozenset(_MONTHS)


def block(cursor: Cursor, style: Style) -> bool | None:
    """At the beginning of a line, or behind a marker."""
    text, start = cursor.text, cursor.at
    first = text[start]
    if first not in _BEGINNINGS and not cursor.in_table:
        cursor.line.begins = False
        return True
    while first and first in " \t\r" and start - cursor.at < _INDENT:
        start += 1
        first = text[start : start + 1]
    if not first:
        if not cursor.final:
            return MORE
        cursor.drop(start)
        return True
    if first == "\n":
        cursor.end_block()
        cursor.drop(start + 1)
        cursor.line.was_quoted = cursor.line.is_quoted = cursor.in_table = False
        return True
    if rule := _RULES.get(first):
        verdict = rule(cursor, style, start)
        if verdict is not False:
            cursor.line.is_plain = False
            return verdict
    if cursor.in_table:
        return _begin_row(cursor, start)
    cursor.line.is_item |= cursor.line.was_item and start > cursor.at  # goes on with the item of the line before
    cursor.drop(start)
    cursor.line.begins = False
    return True


def _marker(cursor: Cursor, end: int) -> bool:
    """Drops a marker; what follows is a block of its own."""
    cursor.end_block()
    cursor.drop(end)
    return True


def _space(seen: Window, end: int) -> int | None:
    """Behind the space that must follow a marker, or at the line's end; 0 if none does."""
    if seen.lacks(end):
        return MORE
    following = seen.text[end : end + 1]
    return end if following in ("\n", "") else end + 1 if following in " \t" else 0


def _heading(cursor: Cursor, style: Style, start: int) -> bool | None:
    seen = window(cursor, _LINE)
    end = run_end(seen.text, start)
    if end - start > 6:
        return False
    behind = _space(seen, end)
    if behind == 0 and end - start > 1 and seen.text[end : end + 1].isalpha():  # '##Setup'; '#tag' is text
        behind = end
    if behind:
        _marker(cursor, behind)
        cursor.line.begins = False
        cursor.line.ends_block = cursor.line.is_heading = True
    return MORE if behind is MORE else behind > 0


def _quote(cursor: Cursor, style: Style, start: int) -> bool | None:
    seen = cursor.whole
    if seen.lacks(start + 1):
        return MORE
    following = seen.text[start + 1 : start + 2]
    if following == "=" or (style.careful and following not in (" ", "\t", "\n", ">", "")):
        return False
    if cursor.line.was_quoted or cursor.line.is_quoted:
        cursor.drop(start + 1)
    else:
        _marker(cursor, start + 1)
    cursor.line.is_quoted = True
    return True


def _bullet(cursor: Cursor, style: Style, start: int) -> bool | None:
    sign = cursor.text[start]
    is_none = sign == "+" and style.careful and not cursor.line.was_item
    if item := _ITEM.match(cursor.text, start):
        return False if is_none else _begin_item(cursor, item.end())
    if sign == "-" and (verdict := _delimiters(cursor, style, start)) is not False:
        return verdict
    if sign in "*-" and (verdict := _divider(cursor, style, start)) is not False:
        return verdict
    if is_none:
        return False
    seen, text = cursor.whole, cursor.text
    behind = _space(seen, start + 1)
    if not behind:
        return MORE if behind is MORE else False
    if seen.lacks(behind):
        return MORE
    task = _TASK.match(text, behind)
    if not task and (begun := _TASK_BEGUN.match(text, behind)) and seen.lacks(begun.end()):
        return MORE
    _begin_item(cursor, behind)
    if task:
        cursor.put("done, " if style.is_english and task[1] != " " else "", task.end())
    return True


def _divider(cursor: Cursor, style: Style, start: int) -> bool | None:
    """'---', '* * *'"""
    if cursor.text[start + 1 : start + 2] not in (cursor.text[start], " ", "\t", ""):
        return False
    seen = window(cursor, _LINE)
    divider = _DIVIDER.match(seen.text, start)
    assert divider is not None
    end = divider.end()
    if seen.lacks(end):
        return MORE
    is_whole = seen.text[end : end + 1] in ("\r", "\n", "")
    return is_whole and divider[0].count(seen.text[start]) >= 3 and _marker(cursor, end)


def _begin_item(cursor: Cursor, end: int) -> bool:
    cursor.line.is_item = True
    return _marker(cursor, end)


def _number(cursor: Cursor, style: Style, start: int) -> bool | None:
    seen = cursor.whole
    number = _NUMBER.match(seen.text, start)
    assert number is not None
    end, behind = number.span(2)
    if behind < 0:
        return MORE if seen.lacks(number.end()) else False
    if behind == end + 1 and seen.lacks(behind):
        return MORE
    value = int(number[1])
    counts = _counts(cursor, seen, value, number) if style.careful else True
    if not counts:
        return counts
    if len(cursor.numbers) == _NUMBERS:
        cursor.numbers.clear()
    cursor.numbers[start - cursor.at] = value + 1
    _begin_item(cursor, start)
    cursor.keep(end)
    cursor.put(",", end + 1)
    cursor.keep(behind)
    return True


def _counts(cursor: Cursor, seen: Window, value: int, number: re.Match[str]) -> bool | None:
    """Whether a number is the next one of a list, and not the day of a month."""
    if value != 1 and value not in cursor.numbers.values():
        return False
    word = number[3].lower()
    if seen.lacks(number.end()) and any(month.startswith(word) for month in _MONTHS):
        return MORE
    return word not in _MONTH_NAMES


def _row(cursor: Cursor, style: Style, start: int) -> bool | None:
    seen = cursor.whole
    if seen.lacks(start + 1):
        return MORE
    if style.careful and not cursor.line.was_row and seen.text[start + 1 : start + 2] not in (" ", "\t", ":", "-", "|"):
        return False
    return _begin_row(cursor, start)


def _begin_row(cursor: Cursor, start: int) -> bool:
    _marker(cursor, start)
    cursor.line.begins = False
    cursor.line.ends_block = cursor.line.is_row = True
    return True


def _delimiters(cursor: Cursor, style: Style, start: int) -> bool | None:
    """The row of dashes below the headings of a table without bars at the ends of its rows."""
    seen = window(cursor, _LINE)
    row = _DELIMITERS.match(seen.text, start)
    end = row.end() if row else start
    if seen.lacks(end):
        return MORE
    if row is None or "|" not in row[0] or "-" not in row[0] or seen.text[end : end + 1] not in ("\n", ""):
        return False
    _marker(cursor, min(end + 1, len(seen.text)))
    cursor.in_table = True
    return True


def _fence(cursor: Cursor, style: Style, start: int) -> bool | None:
    seen = window(cursor, _LINE)
    text, sign = seen.text, seen.text[start]
    end = run_end(text, start)
    if seen.lacks(end):
        return MORE
    if end - start < 3:
        return False
    stop = next((at for at in range(end, len(text)) if text[at] == "\n" or text[at] == sign == "`"), len(text))
    if seen.lacks(stop):
        return MORE
    if text[stop : stop + 1] == "`":
        return False
    _marker(cursor, start)
    if style.code_blocks is not CodeBlocks.SPEAK:
        cursor.note(Dropped.CODE, text[start:stop])
    if style.code_blocks is CodeBlocks.ANNOUNCE and style.is_english:
        cursor.put("Code block.", stop)
        cursor.end_block()
    cursor.drop(min(stop + 1, len(text)))
    cursor.rest = fence(text[start:end], spoken=style.code_blocks is CodeBlocks.SPEAK)
    return True


def _underline(cursor: Cursor, style: Style, start: int) -> bool | None:
    """Of a heading, which is the line before."""
    seen = window(cursor, _LINE)
    underline = _UNDERLINE.match(seen.text, start)
    if not cursor.follows_text or underline is None:
        return False
    end = underline.end()
    if seen.lacks(end):
        return MORE
    return seen.text[end : end + 1] in ("\r", "\n", "") and end - start > 1 and _marker(cursor, end)


def _definition(cursor: Cursor, style: Style, start: int) -> bool | None:
    """Of a footnote, whose text is spoken, or of an address, which is not."""
    seen = window(cursor, _LINE)
    if note := _NOTE.match(seen.text, start):
        return MORE if seen.lacks(note.end()) else _marker(cursor, note.end())
    if _ADDRESS.match(seen.text, start):
        stop = seen.text.find("\n", start)
        if stop < 0 and seen.grows:
            return MORE
        _marker(cursor, start)
        cursor.drop(stop if stop >= 0 else len(seen.text), Dropped.ADDRESSES)
        return True
    begun = [pattern.match(seen.text, start) for pattern in (_NOTE_BEGUN, _ADDRESS_BEGUN)]
    return MORE if any(match and seen.lacks(match.end()) for match in begun) else False


_RULES: dict[str, Callable[[Cursor, Style, int], bool | None]] = {
    "#": _heading,
    ">": _quote,
    **dict.fromkeys("0123456789", _number),
    "|": _row,
    "`": _fence,
    "~": _fence,
    "=": _underline,
    "[": _definition,
    "_": _divider,
    ":": _delimiters,
    **dict.fromkeys(_BULLETS, _bullet),
}
_BEGINNINGS = frozenset(_RULES) | frozenset(" \t\r\n")  # what else a line begins with is text
# What, behind a line of text, begins a line that may be none, or is not there yet; of signs that have no meaning inside
# a line, or not always.
LINE_BEGINS = "|".join(
    (
        r"[ \t\r\n]|\Z",
        r"#(?:[ \t\n#]|\Z)",
        r">(?!=)",
        r"[0-9]\d{0,8}(?:[.)](?:[ \t\n]|\Z)|\Z)",
        r"\|(?:[ \t:|-]|\Z)",
        r"~(?:~|\Z)",
        r"=(?:[ \t=]|\Z)",
        r":[-: \t\r]*(?:\||\Z)",
        r"-(?:[ \t\r\n:|-]|\Z)",
        r"[•‣◦▪●](?:[ \t\n]|\Z)",
    )
)
