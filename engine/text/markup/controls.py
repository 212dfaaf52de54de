"""What a terminal is told inside a text: escape sequences, and control characters without a meaning in text."""

from __future__ import annotations

import re

from engine.text.markup.cursor import Cursor, Dropped
from engine.text.markup.rules import MORE, Style

CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ud800-\udfff"  # and what stands for unreadable bytes
_LIMIT = 64
_RUN = re.compile(f"(?:(?![\x1b\x9b])[{CONTROLS}])+")
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,32}[ -/]{0,4}[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\n]{0,48}(?:\x07|\x1b\\)"
    r"|\x1b[ -/]{0,4}[0-OQ-WYZ\\`-~]"
)
_BEGUN = re.compile(r"(?:\x1b\[|\x9b)[0-?]{0,32}[ -/]{0,4}|\x1b[\]PX^_][^\x07\x1b\n]{0,48}\x1b?|\x1b[ -/]{0,4}")


def control(cursor: Cursor, style: Style) -> bool | None:
    text, at = cursor.text, cursor.at
    if run := _RUN.match(text, at):
        cursor.drop(run.end(), Dropped.CONTROLS)
        return True
    head = text[at : at + _LIMIT]
    if sequence := _SEQUENCE.match(head):
        cursor.drop(at + sequence.end(), Dropped.ESCAPES)
        return True
    begun = _BEGUN.match(head)
    if begun and begun.end() == len(head) < _LIMIT and not cursor.final:
        return MORE
    cursor.drop(at + 1, Dropped.CONTROLS)
    return True
