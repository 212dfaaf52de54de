"""Links, images and bare addresses: their text is spoken, where they lead to is not."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.text.markup.cursor import SENTENCE_ENDS, Cursor, Dropped, Window
from engine.text.markup.rules import MORE, Style, window

_TEXT = 400  # characters of a link's text and of what tells that it is one
_NAME = 100  # characters of a reference
_URL = 300  # characters of an address that are held until it ends
_MARKS = 16  # behind an address that are no part of it
_PATH = 24  # characters of a path that is spoken
_INSIDE = r"[^\[\]\n]*+"
_DEEP = rf"\[{_INSIDE}(?:\[{_INSIDE}(?:\]|\Z){_INSIDE})*+(?:\]|\Z)"  # brackets in brackets, or their beginning
_BRACKETED = re.compile(rf"{_INSIDE}(?:{_DEEP}{_INSIDE})*+(?:(\])|\Z)")  # up to its end, or all there is
_TARGET_BEGUN = re.compile(r"[^\s()./:#<]*")
_NOTE = re.compile(r"\[\^[^\]\s]{1,40}\]")
_CITATION = re.compile(r"\[\d{1,3}\]")
# What makes an address of an 'h' or a 'w' that begins a word: 'https://', 'www.', or as much of it as there is.
URL_BEHIND_H = r"(?<![\w@]h)(?:ttps?://|(?:t{0,2}|ttp(?:s?:?|s?:/))\Z)"
URL_BEHIND_W = r"(?<![\w@]w)(?:ww\.|w?w?\Z)"
_START = re.compile(r"(?:https?://)?(?:www\.)?")
_START_BEGUN = re.compile(r"https?://w{0,3}\Z")
_REST = re.compile(r"[^\s<>\"`|\x00-\x20]*")
_TRAILING = ".,;:!?)]}*_~'’”»"
_HOST = re.compile(r"(?:[^/?#@]*@)?([^/?#]*)")
_SHORT = re.compile(r"[\w/.-]*")


def bracket(cursor: Cursor, style: Style) -> bool | None:
    """'[text](address)', '[text][name]', '[^note]', and with a '!' in front an image."""
    seen, at = window(cursor, _TEXT), cursor.at
    begin = at + (seen.text[at] == "!")
    if begin > at and not (not cursor.before or cursor.before.isspace() or cursor.before in "([>"):
        return False
    if seen.lacks(begin + 1):
        return MORE
    if seen.text[begin : begin + 1] != "[":
        return False
    if style.careful and begin == at and cursor.before.isalnum() and seen.text[begin + 1 : begin + 2] != "^":
        return False
    close = _closing(seen, begin)
    if close is None or (close > 0 and seen.lacks(close + 1)):
        return MORE
    if close < 0:
        return False
    behind_sentence = (cursor.before != "" and cursor.before in SENTENCE_ENDS) or cursor.base + at == cursor.note_end
    if mark := _NOTE.match(seen.text, begin) or (behind_sentence and _CITATION.match(seen.text, begin)):
        cursor.drop(mark.end(), Dropped.NOTES)
        cursor.note_end = cursor.base + cursor.at
        return True
    return _linked(cursor, style, seen, begin, close)


def _closing(seen: Window, begin: int) -> int | None:
    """Where the bracket closes; -1 if it does not; None if that is not there yet."""
    match = _BRACKETED.match(seen.text, begin + 1)
    if match is None:
        return -1
    if match[1]:
        return match.start(1)
    return None if seen.grows else -1


def _linked(cursor: Cursor, style: Style, seen: Window, begin: int, close: int) -> bool | None:
    """What follows the bracket tells whether it is a link. Its text is then read as any other."""
    text, follows = seen.text, seen.text[close + 1 : close + 2]
    if follows == "(":
        target = _TARGET_BEGUN.match(text, close + 2)
        assert target is not None
        if seen.lacks(target.end()):
            return MORE
        if text[target.end() : target.end() + 1] not in (")", ".", "/", ":", "#", "<"):
            return False
        end = None
    elif follows == "[":
        stop = text.find("]", close + 2, close + 2 + _NAME)
        if stop < 0:
            return MORE if seen.grows and len(text) < close + 2 + _NAME and "\n" not in text[close:] else False
        if "\n" in text[close:stop]:
            return False
        end = cursor.base + stop + 1
    else:
        return False
    cursor.link_ends[cursor.base + close] = end
    cursor.drop(begin + 1)
    return True


def closing_bracket(cursor: Cursor, style: Style) -> bool | None:
    """Drops the address of a link whose text has been read."""
    place = cursor.base + cursor.at
    if place not in cursor.link_ends:
        return False
    end = cursor.link_ends.pop(place)
    cursor.note(Dropped.ADDRESSES, "")
    if end is not None:
        cursor.drop(end - cursor.base)
    else:
        cursor.drop(cursor.at + 2)
        cursor.rest = _address()
    return True


def _address() -> Callable[[Cursor], bool]:
    """Reads up to the bracket that closes an address, which may hold brackets and a quoted title, or to the line's
    end."""
    depth, quote = 1, ""

    def read(cursor: Cursor) -> bool:
        nonlocal depth, quote
        text, at = cursor.text, cursor.at
        while at < len(text) and depth and text[at] != "\n":
            char = text[at]
            if quote:
                quote = "" if char == quote else quote
            elif char in "\"'" and (text[at - 1] if at > cursor.at else cursor.before).isspace():
                quote = char
            else:
                depth += (char == "(") - (char == ")")
            at += 1
        if not depth or at < len(text) or cursor.final:
            cursor.rest = None
        cursor.drop(at)
        return True

    return read


def url(cursor: Cursor, style: Style) -> bool | None:
    """Of a bare address the host is spoken, and its path if it is short: no scheme, no 'www', no query."""
    if cursor.before.isalnum() or cursor.before in ("_", "@"):
        return False
    seen, at = window(cursor, _URL), cursor.at
    start = _START.match(seen.text, at)
    assert start is not None
    if not start.end() > at:
        return MORE if seen.grows else False
    if seen.grows and _START_BEGUN.search(seen.text, at):
        return MORE
    rest = _REST.match(seen.text, start.end())
    assert rest is not None
    if seen.lacks(rest.end()):
        return MORE
    end = start.end() + _length(rest[0])
    if end == start.end():
        return False
    if rest.end() == len(seen.text) and (rest.end() < len(cursor.text) or not cursor.final):  # longer than is held
        cursor.rest = _rest_of_url
    speak_url(cursor, start.end(), end)
    return True


def speak_url(cursor: Cursor, begin: int, end: int) -> None:
    """Keeps of the address [begin, end) what is spoken."""
    host = _HOST.match(cursor.text, _START.match(cursor.text, begin, end).end(), end)  # type: ignore[union-attr]
    assert host is not None
    path = cursor.text[host.end() : end].rstrip("/")
    if len(path) > _PATH or not _SHORT.fullmatch(path):
        cursor.note(Dropped.ADDRESSES, cursor.text[cursor.at : end])
        path = ""
    cursor.drop(host.start(1))
    cursor.keep(host.end() + len(path))
    cursor.drop(end)


def _rest_of_url(cursor: Cursor) -> bool:
    """Reads what is left of a long address."""
    rest = _REST.match(cursor.text, cursor.at)
    assert rest is not None
    length, complete = _length(rest[0]), rest.end() < len(cursor.text) or cursor.final
    cursor.drop(cursor.at + length)
    if complete:
        cursor.rest = None
    return complete or length > 0


def _length(rest: str) -> int:
    """Of an address, without the marks of the sentence it stands in."""
    return len(rest[:-_MARKS]) + len(rest[-_MARKS:].rstrip(_TRAILING))
