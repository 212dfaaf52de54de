"""Signs inside a line: emphasis, escapes, entities, the bars of tables, names of emoji, line ends."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import unescape
from html.entities import html5

from engine.text.markup.controls import CONTROLS
from engine.text.markup.cursor import Cursor, Dropped
from engine.text.markup.rules import MORE, Style, run_end, window

_RUN = 40  # signs that are looked at together
_CELL = 300
_STRUCK = 300  # characters that may be struck out
_OPEN = 32  # signs of emphasis that are remembered
_OPENERS = "\"'“‘«(（「『【《¿¡`$[*_~<&\\"
_ESCAPABLE = frozenset("*_#`[](){}~>-.!|$&<+")
_ESCAPABLE_IN_MARKDOWN = _ESCAPABLE | frozenset("\"%',/:;=?@\\^")
_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});")
_ENTITY_BEGUN = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{0,31}|#(?:[xX][0-9A-Fa-f]{0,6}|\d{0,7}))?")
_BAR = re.compile(r"\|(?:[ \t]*+(?::?-++:?)?+[ \t]*+\|)*+(?:[ \t]*+:?-++:?[ \t]*+(?=[\r\n]|\Z))?[ \t]*+")
_EMOJI = re.compile(r":(?:[+-]1|(?=[a-z0-9_+-]{0,30}[a-z])[a-z0-9_+-]{2,31}):(?!\w)")
_EMOJI_BEGUN = re.compile(r":[a-z0-9_+-]{0,31}:?")
_STRUCK_END = re.compile(r"(?<=[^\s~])~~(?!~)|\n")
_CONTROL = re.compile(f"[{CONTROLS}]")


def emphasis(cursor: Cursor, style: Style) -> bool | None:
    """Drops the signs round words. Signs inside a word (snake_case, 2*3) or between spaces (2 * 3) are text."""
    text, at = cursor.text, cursor.at
    end = run_end(text, at, _RUN)
    if end - at < _RUN and cursor.whole.lacks(end):
        return MORE
    run, before, after = text[at:end], cursor.before, text[end : end + 1] if end - at < _RUN else ""
    sign, is_single = run[0], len(run) == 1
    left, right = _kind(before), _kind(after)
    between_blanks, between_digits = left is right is _BLANK, before.isdigit() and after.isdigit()
    if between_blanks or between_digits or (sign in "~=" and len(run) != 2):
        cursor.keep(end)
        return True
    opens = right is not _BLANK and (right is not _MARK or left is not _LETTER)
    closes = left is not _BLANK and (left is not _MARK or right is not _LETTER)
    may_close = closes and (not opens or right is _MARK) if sign == "_" else left is not _BLANK
    if may_close and _close(cursor.emphasis, run, exact=opens):
        cursor.drop(end)
        return True
    if opens and closes:  # inside a word, or between marks
        wide = sign == "*" and not is_single and (_is_wide(before) or _is_wide(after))
        opens = wide or (left is _MARK and right is _MARK)
    elif opens and style.careful:
        opens = (after.isalnum() or after in _OPENERS) and not (is_single and after.isdigit())
    if opens:
        del cursor.emphasis[:-_OPEN]
        cursor.emphasis.append(run)
        cursor.drop(end)
    else:
        cursor.keep(end)
    return True


def struck(cursor: Cursor, style: Style) -> bool | None:
    """'~~20~~ 25': what two tildes enclose in a line was taken back, and is dropped."""
    seen, at = window(cursor, _STRUCK), cursor.at
    end = run_end(seen.text, at)
    if seen.lacks(end):
        return MORE
    if end - at == 2 and not _is_blank(seen.text[end : end + 1]):
        closing = _STRUCK_END.search(seen.text, end)
        if closing is None and seen.grows:
            return MORE
        if closing is not None and seen.lacks(closing.end()):
            return MORE
        if closing is not None and closing[0] == "~~":
            cursor.drop(closing.end(), Dropped.STRUCK)
            return True
    return emphasis(cursor, style)


def _close(opened: list[str], run: str, exact: bool) -> bool:
    """Closes what such a run closes, the innermost first. `exact`: nothing but what was opened by as many signs."""
    if run in opened:
        while opened.pop() != run:
            pass
        return True
    if exact:
        return False
    left = len(run)
    for index in range(len(opened) - 1, -1, -1):
        if left > 0 and opened[index][0] == run[0]:
            left -= len(opened[index])
            del opened[index:]
    return left < len(run)


def _is_blank(char: str) -> bool:
    return not char or char.isspace()


_BLANK, _MARK, _LETTER = range(3)


@lru_cache(maxsize=1024)
def _kind(char: str) -> int:
    """What stands beside a sign of emphasis."""
    if _is_blank(char):
        return _BLANK
    return _MARK if not char.isalnum() and unicodedata.category(char)[0] in "PS" else _LETTER


def _is_wide(char: str) -> bool:
    """A letter of a script that writes no spaces between words."""
    return char >= "\u0e00" and char.isalpha()


def escape(cursor: Cursor, style: Style) -> bool | None:
    """A backslash makes the sign behind it text, and a line end a line end."""
    following = cursor.text[cursor.at + 1 : cursor.at + 2]
    if not following and not cursor.final:
        return MORE
    if following == "\n":
        cursor.drop(cursor.at + 1)
        return True
    if following not in (_ESCAPABLE if style.careful else _ESCAPABLE_IN_MARKDOWN) or not following:
        return False
    cursor.drop(cursor.at + 1)
    cursor.keep(cursor.at + 1)
    return True


def entity(cursor: Cursor, style: Style) -> bool | None:
    """'&amp;' with its semicolon; what it stands for is text."""
    seen = window(cursor, _RUN)
    if match := _ENTITY.match(seen.text, cursor.at):
        is_number = match[0][1] == "#"
        text = unescape(match[0]) if is_number else html5.get(match[0][1:], "")
        if not text and not is_number:
            return False
        if not text or _CONTROL.search(text):
            cursor.drop(match.end(), Dropped.CONTROLS)
        else:
            cursor.put(text, match.end())
        return True
    begun = _ENTITY_BEGUN.match(seen.text, cursor.at)
    return MORE if begun and seen.lacks(begun.end()) else False


def bar(cursor: Cursor, style: Style) -> bool | None:
    """Between the cells of a table's row; the row of dashes below the headings is passed over."""
    if not cursor.line.is_row:
        return False
    seen = window(cursor, _CELL)
    match = _BAR.match(seen.text, cursor.at)
    assert match is not None
    end = match.end()
    behind = end
    while behind < len(seen.text) and seen.text[behind] in "-: \t|":
        behind += 1
    if seen.lacks(behind):
        return MORE
    if seen.text[end : end + 1] in ("\r", "\n", "") or cursor.is_block_empty:
        cursor.drop(end)
    else:
        cursor.separate(end)
    return True


def heading_sign(cursor: Cursor, style: Style) -> bool | None:
    """The signs that may close a heading."""
    if not cursor.line.is_heading or not _is_blank(cursor.before):
        return False
    seen = window(cursor, _RUN)
    end = run_end(seen.text, cursor.at)
    while end < len(seen.text) and seen.text[end] in " \t\r":
        end += 1
    if seen.lacks(end):
        return MORE
    if seen.text[end : end + 1] not in ("\n", ""):
        return False
    cursor.drop(end)
    return True


def emoji(cursor: Cursor, style: Style) -> bool | None:
    """':tada:' where a word could stand."""
    if not _is_blank(cursor.before):
        return False
    seen = window(cursor, _RUN)
    match = _EMOJI.match(seen.text, cursor.at)
    begun = _EMOJI_BEGUN.match(seen.text, cursor.at)
    if begun and seen.lacks(begun.end()):
        return MORE
    if not match:
        return False
    cursor.drop(match.end(), Dropped.EMOJI)
    return True


def line_end(cursor: Cursor, style: Style) -> bool | None:
    """In Markdown a line end is a space unless a backslash stands before it; elsewhere it may be meant."""
    cursor.break_line(cursor.at + 1, " " if style.has_soft_lines and cursor.before != "\\" else "\n")
    return True
