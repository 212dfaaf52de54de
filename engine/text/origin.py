"""Where the characters of a text that was rewritten as it came stand in the text as it was sent.

Each piece stands for [begin, end) in characters of all text that was sent. A verbatim piece is what was sent, character
by character; of another one, all of it stands for all of its span, which is empty where something was put in.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

Span = tuple[int, int]


class TextPiece(NamedTuple):
    """Rewritten text, and what was sent for it."""

    text: str
    begin: int
    end: int
    verbatim: bool
    pause_s: float = 0.0  # that is asked for before what follows


class Origin:
    """Of a text that grows at its end and is forgotten from its beginning, or of a part of it."""

    __slots__ = ("_begin", "_length", "_pieces", "_starts")

    def __init__(self, pieces: list[TextPiece] | None = None, starts: list[int] | None = None, begin: int = 0) -> None:
        """`starts`: where each piece begins in the rewritten text. `begin`: where this part of it does."""
        self._pieces = pieces or []
        self._starts = starts or []
        self._begin = begin
        self._length = 0  # of all that was ever appended

    @classmethod
    def verbatim(cls, begin: int, length: int) -> Origin:
        """Of text as it was sent."""
        origin = cls()
        origin.extend([TextPiece(" " * length, begin, begin + length, True)])
        return origin

    def extend(self, pieces: Sequence[TextPiece]) -> list[int]:
        """Returns where each of them begins in the rewritten text."""
        starts = list(accumulate([len(piece.text) for piece in pieces], initial=self._length))
        self._length = starts.pop()
        self._starts += starts
        self._pieces += pieces
        return starts

    def forget(self, before: int) -> None:
        """Pieces that lie before this index of the rewritten text."""
        if len(self._starts) > 1:
            index = self._index(before)
            del self._starts[:index], self._pieces[:index]

    def cut(self, begin: int, end: int) -> Origin:
        """Of [begin, end), which counts from its beginning there."""
        begin, end = begin + self._begin, end + self._begin
        first = self._index(begin)
        stop = bisect_left(self._starts, end, first + 1)
        return Origin(self._pieces[first:stop], self._starts[first:stop], begin)

    def span(self, begin: int, end: int) -> Span:
        """What was sent for these characters, of which there is at least one."""
        begin, last = begin + self._begin, end - 1 + self._begin
        return self._span(begin)[0], self._span(last)[1]

    def _span(self, at: int) -> Span:
        """What was sent for one character."""
        index = self._index(at)
        piece = self._pieces[index]
        if not piece.verbatim:
            return piece.begin, piece.end
        begin = piece.begin + at - self._starts[index]
        return begin, begin + 1

    def _index(self, at: int) -> int:
        """Of the piece that character `at` belongs to."""
        return bisect_right(self._starts, at) - 1
