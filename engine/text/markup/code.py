"""Code: spans in a line, and the lines of a fenced block."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.text.markup.cursor import Cursor
from engine.text.markup.rules import MORE, Style, run_end, window

_RUN = 40  # backticks
_LINE = 300  # characters in which a fence must end
_END = re.compile(r"[ \t>]{0,64}(`+|~+)[ \t\r]*$")


def code_span(cursor: Cursor, style: Style) -> bool | None:
    """A run of backticks opens a span of code, one that is as long closes it; both are dropped."""
    seen = window(cursor, _RUN)
    end = run_end(seen.text, cursor.at)
    if seen.lacks(end):
        return MORE
    count = end - cursor.at
    if cursor.code:
        cursor.code = 0 if cursor.code == count else cursor.code
    elif style.careful and (cursor.before.isalnum() or seen.text[end : end + 1].isspace()):
        return False
    else:
        cursor.code = count
    cursor.drop(end)
    return True


def code_sign(cursor: Cursor, style: Style) -> bool | None:
    """Inside a span of code: 'get_name()' is 'get name'."""
    if cursor.text[cursor.at] == "_":
        cursor.put(" ", cursor.at + 1)
        return True
    following = cursor.text[cursor.at + 1 : cursor.at + 2]
    if not following and not cursor.final:
        return MORE
    if following != ")":
        return False
    cursor.drop(cursor.at + 2)
    return True


def fence(opening: str, spoken: bool) -> Callable[[Cursor], bool]:
    """Reads the lines of a block, up to a fence that is at least as long as the first."""
    begins = True  # a line

    def read(cursor: Cursor) -> bool:
        nonlocal begins
        if begins:
            seen = window(cursor, _LINE)
            stop = seen.text.find("\n", cursor.at)
            if stop < 0 and seen.grows:
                return False
            closing = _END.match(seen.text[cursor.at : stop if stop >= 0 else None])
            if closing and closing[1].startswith(opening):
                cursor.end_block()
                cursor.drop(cursor.at + closing.end())
                cursor.rest = None
                return True
            begins = False
        stop = cursor.text.find("\n", cursor.at)
        begins = stop >= 0
        end = stop if begins else len(cursor.text)
        if spoken:
            cursor.keep(end)
        else:
            cursor.drop(end)
        if begins and spoken:
            cursor.break_line(end + 1, "\n")
        elif begins:
            cursor.drop(end + 1)
        return True

    return read
