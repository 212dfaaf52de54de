"""Where the characters of a text that was rewritten as it came stand in the text as it was sent.

Each piece stands for [begin, end) in characters of all text that was sent. A verbatim piece is what was sent, character
by character; of another one, all of it stands for all of its span, which is empty where something was put in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

Span = tuple[int, int]


TextPiece = tuple[str, int, int, bool, float]
"""(text, begin, end, verbatim, pause_s): rewritten text, what was sent for it, and the seconds of pause that are asked
for before what follows. It has no fields with names since a text of nothing but signs has a piece for each of them."""


class Origin:
    """Of a text that grows at its end and is forgotten from its beginning, or of a part of it."""

    __slots__ = ("_begin", "_length", "_pieces", "_starts")

    def __init__(self, pieces: list[TextPiece] | None = None, starts: list[int] | None = None, begin: int = 0) -> None:
        """`starts`: where each piece begins in the rewritten text. `begin`: where this part of it does."""
        self._pieces = [] if pieces is None else pieces
        self._starts = [] if starts is None else starts
        self._begin = begin
        self._length = 0  # of all that was ever appended

    @classmethod
    def verbatim(cls, begin: int, length: int) -> Origin:
        """Of text as it was sent."""
        origin = cls()
        origin.extend([(" " * length, begin, begin + length, True, 0.0)])
        return origin

    def extend(self, pieces: Sequence[TextPiece]) -> list[int]:
        """Returns where each of them begins in the rewritten text."""
        starts = list(accumulate([len(piece[0]) for piece in pieces], initial=self._length))
        self._length = starts.pop()
        self._starts += starts
        self._pieces += pieces
        return starts

    def forget(self, before: int) -> None:
        """Pieces that lie before this index of the rewritten text; who shares them keeps them."""
        if len(self._starts) > 1 and (index := self._index(before)):
            self._starts, self._pieces = self._starts[index:], self._pieces[index:]

    def part(self, begin: int) -> Origin:
        """Of what begins there, which counts from its beginning. Both share the pieces."""
        return Origin(self._pieces, self._starts, begin + self._begin)

    def span(self, begin: int, end: int) -> Span:
        """What was sent for these characters, of which there is at least one."""
        begin, last = begin + self._begin, end - 1 + self._begin
        return self._span(begin)[0], self._span(last)[1]

    def _span(self, at: int) -> Span:
        """What was sent for one character."""
        index = self._index(at)
        _, begin, end, verbatim, _ = self._pieces[index]
        if not verbatim:
            return begin, end
        begin += at - self._starts[index]
        return begin, begin + 1

    def _index(self, at: int) -> int:
        """Of the piece that character `at` belongs to."""
        return bisect_right(self._starts, at) - 1
