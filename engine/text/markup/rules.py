"""What a rule is.

A rule reads one construct at the cursor. It tells True if it has read something, False if this is no markup (the
character is text), and MORE if what follows decides. It decides by the text alone and asks for no more than its limit,
so that the same text is read the same way however it comes, and nothing is held for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from engine.messages import CodeBlocks, TextFormat, Utterance
from engine.text.markup.cursor import Cursor, Window

MORE = None


def words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


@dataclass(frozen=True, kw_only=True)
class Style:
    """How markup is read in one utterance."""

    text_format: TextFormat
    code_blocks: CodeBlocks
    is_english: bool  # words may be put in

    @classmethod
    def of(cls, utterance: Utterance, language: str) -> Style:
        """As the utterance wants it, in the language that it is read as."""
        return cls(
            text_format=utterance.text_format,
            code_blocks=utterance.code_blocks,
            is_english=language.partition("-")[0] == "en",
        )

    @cached_property
    def careful(self) -> bool:
        """Signs that ordinary text has, too, are markup only where nothing else makes sense."""
        return self.text_format is TextFormat.AUTO

    @cached_property
    def has_soft_lines(self) -> bool:
        """A line end inside a paragraph is a space."""
        return self.text_format is TextFormat.MARKDOWN


Rule = Callable[[Cursor, Style], bool | None]


def window(cursor: Cursor, limit: int) -> Window:
    stop = cursor.at + limit
    return cursor.whole if len(cursor.text) < stop else Window(cursor.text[:stop], False)


def run_end(text: str, begin: int, limit: int | None = None) -> int:
    """Behind all characters that are the same as the one at `begin`, or the first `limit` of them."""
    stop = len(text) if limit is None else min(len(text), begin + limit)
    sign, end = text[begin], begin + 1
    while end < stop and text[end] == sign:
        end += 1
    return end
