"""Text as it is sent, with its markup -> text as it is spoken, piece by piece, and where each of it was sent.

What cannot be markup passes at once. What may be markup is held until that is decided: by the next character mostly,
after a few hundred characters or at the line's end at the latest. All work together takes time in proportion to the
text, and no more of it is kept than the longest construct may be long.
"""

from __future__ import annotations

import re

from engine.messages import TextFormat
from engine.text.markup.blocks import LINE_BEGINS, block
from engine.text.markup.code import code_sign, code_span
from engine.text.markup.controls import CONTROLS, control
from engine.text.markup.cursor import Cursor, Dropped
from engine.text.markup.inline import bar, emoji, emphasis, entity, heading_sign, line_end, struck
from engine.text.markup.links import URL_BEHIND_H, URL_BEHIND_W, bracket, closing_bracket, url
from engine.text.markup.rules import MORE, Rule, Style
from engine.text.markup.tags import tag
from engine.text.markup.tex import dollar, parenthesis
from engine.text.origin import TextPiece

_MARKDOWN_SIGNS: dict[str, Rule] = {
    **dict.fromkeys("*_=", emphasis),
    "~": struck,
    "`": code_span,
    "[": bracket,
    "!": bracket,
    "]": closing_bracket,
    "<": tag,
    "&": entity,
    "$": dollar,
    "\\": parenthesis,
    ":": emoji,
    "|": bar,
    "#": heading_sign,
    "\n": line_end,
    **dict.fromkeys("hw", url),
}
_CODE_SIGNS: dict[str, Rule] = {"`": code_span, "_": code_sign, "(": code_sign, "\n": line_end, "|": bar}
_SSML_SIGNS: dict[str, Rule] = {"<": tag, "&": entity}
_SIGN = rf"*_`\[\]<&$\\{CONTROLS}"
_BEHIND = {  # what makes signs of other characters
    "=": r"(?:=|\Z)", "~": r"(?:~|\Z)", "!": r"(?:\[|\Z)", ":": r"(?:[a-z0-9_+-]|\Z)", "h": URL_BEHIND_H,
    "w": URL_BEHIND_W,
}  # fmt: skip
_MAYBE = "".join(_BEHIND)
_IS_SIGN = "|".join(rf"(?<={first}){behind}" for first, behind in _BEHIND.items())
_ANY = rf"[{_SIGN}]|" + "|".join(first + behind for first, behind in _BEHIND.items())
# Each begins with one set of characters, for which a text is searched fast.
_MARKDOWN = re.compile(rf"[{_SIGN}{_MAYBE}\n|#](?:(?<=[{_SIGN}\n|#])|{_IS_SIGN})")
_PARAGRAPH = re.compile(rf"[{_SIGN}{_MAYBE}\n](?:(?<=[{_SIGN}])|{_IS_SIGN}|(?<=\n)(?={_ANY}|{LINE_BEGINS}))")
_CODE = re.compile(rf"[`_|\n{CONTROLS}]|\((?=\)|\Z)")
_SSML = re.compile(rf"[<&{CONTROLS}]")
_PLAIN = re.compile(rf"[{CONTROLS}]")

Signs = tuple[re.Pattern[str], dict[str, Rule]]
"""What may be markup, and what it may be by its first character: what has no rule is a control character."""

_IN_CODE: Signs = _CODE, _CODE_SIGNS
_IN_PARAGRAPH: Signs = _PARAGRAPH, _MARKDOWN_SIGNS  # a line end that nothing but text follows is text


class MarkupReader:
    """One utterance's text."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._signs = _signs(style)
        self._in_paragraph = _IN_PARAGRAPH if style.text_format is TextFormat.AUTO else self._signs
        self._cursor = Cursor()
        self._has_blocks = style.text_format in (TextFormat.AUTO, TextFormat.MARKDOWN)
        self._told: set[Dropped] = set()

    @property
    def held(self) -> str:
        """What waits for what follows it."""
        return self._cursor.text[self._cursor.at :]

    def read(self, text: str) -> list[TextPiece]:
        self._cursor.feed(text)
        self._take_all()
        return self._cursor.take_pieces()

    @property
    def waits(self) -> bool:
        """Whether anything that was read depends on what follows."""
        return bool(self.held) or self._cursor.waits

    def settle(self) -> list[TextPiece]:
        """What waits, read as if the text ended here: an item of a list is over. Otherwise the text may go on, and does
        so in the same block."""
        if self.ends_item:
            self._cursor.end_block()
            return self._cursor.take_pieces()
        self._cursor.end(final=True)
        self._take_all()
        self._cursor.end(final=False)
        self._cursor.pass_on()
        return self._cursor.take_pieces()

    @property
    def ends_item(self) -> bool:
        """Whether an item of a list waits for the next line, which may go on with it."""
        return self._cursor.ends_item and not self.held.strip()

    def take_dropped(self) -> list[tuple[Dropped, str]]:
        """What was met for the first time, and how it was written."""
        new = [(kind, what) for kind, what in self._cursor.dropped.items() if kind not in self._told]
        self._told.update(kind for kind, _ in new)
        return new

    def _take_all(self) -> None:
        cursor, style, read = self._cursor, self._style, True
        while read and cursor.at < len(cursor.text):
            if cursor.rest is not None:
                read = cursor.rest(cursor)
            elif cursor.line.begins and self._has_blocks and not cursor.code:
                read = block(cursor, style) is not MORE
            else:
                read = self._inline(cursor, style)

    def _inline(self, cursor: Cursor, style: Style) -> bool:
        """Text up to the next sign passes, and the sign is read; False where it must wait."""
        signs, rules = _IN_CODE if cursor.code else self._in_paragraph if cursor.in_paragraph else self._signs
        text = cursor.text
        match = signs.search(text, cursor.at)
        if match is None:
            cursor.keep(len(text))
            return True
        at = match.start()
        if at > cursor.at:
            cursor.keep(at)
        verdict = rules.get(text[at], control)(cursor, style)
        if verdict is False:
            cursor.keep(at + 1)
        return verdict is not MORE


def _signs(style: Style) -> Signs:
    if style.text_format is TextFormat.PLAIN:
        return _PLAIN, {}
    return (_SSML, _SSML_SIGNS) if style.text_format is TextFormat.SSML else (_MARKDOWN, _MARKDOWN_SIGNS)
