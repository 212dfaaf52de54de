"""Where the characters of a text that was rewritten as it came stand in the text as it was sent.

Runs of [begin, end) in characters of all text that was sent. A verbatim run is what was sent, character by character;
of another one, all of it stands for all of its span, which is empty where something was put in.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import NamedTuple

Span = tuple[int, int]


class TextPiece(NamedTuple):
    """Rewritten text, and what was sent for it."""

    text: str
    begin: int
    end: int
    verbatim: bool
    pause_s: float = 0.0  # that is asked for before what follows


class _Run(NamedTuple):
    at: int  # index of its first character in the rewritten text
    length: int  # characters there
    begin: int
    end: int
    verbatim: bool

    def span(self, begin: int, end: int) -> Span:
        """Of these characters of the rewritten text."""
        if not self.verbatim:
            return self.begin, self.end
        return self.begin + max(begin - self.at, 0), self.begin + min(end - self.at, self.length)


class Origin:
    """Of a text that grows at its end and is forgotten from its beginning, or of a part of it."""

    __slots__ = ("_begin", "_runs")

    def __init__(self, runs: list[_Run] | None = None, begin: int = 0) -> None:
        """`begin`: where the text begins, as the runs count."""
        self._runs = runs or []
        self._begin = begin

    @classmethod
    def verbatim(cls, begin: int, length: int) -> Origin:
        """Of text as it was sent."""
        return cls([_Run(0, length, begin, begin + length, True)])

    def append(self, piece: TextPiece) -> None:
        runs = self._runs
        last = runs[-1] if runs else _Run(0, 0, 0, 0, False)
        if piece.verbatim and last.verbatim and last.end == piece.begin:
            runs[-1] = _Run(last.at, last.length + len(piece.text), last.begin, piece.end, True)
        else:
            runs.append(_Run(last.at + last.length, len(piece.text), piece.begin, piece.end, piece.verbatim))

    def forget(self, before: int) -> None:
        """Runs that lie before this index of the rewritten text."""
        if len(self._runs) > 1:
            del self._runs[: self._index(before)]

    def cut(self, begin: int, end: int) -> Origin:
        """Of [begin, end), which counts from its beginning there."""
        begin, last = begin + self._begin, end - 1 + self._begin
        first = self._index(begin)
        run = self._runs[first]
        stop = first if last < run.at + run.length else self._index(last)
        return Origin(self._runs[first : stop + 1], begin)

    def span(self, begin: int, end: int) -> Span:
        """What was sent for these characters, of which there is at least one."""
        begin, last = begin + self._begin, end - 1 + self._begin
        first_run, last_run = self._runs[self._index(begin)], self._runs[self._index(last)]
        return first_run.span(begin, begin + 1)[0], last_run.span(last, last + 1)[1]

    def _index(self, at: int) -> int:
        """Of the run that character `at` belongs to."""
        return bisect_right(self._runs, (at, math.inf)) - 1 if len(self._runs) > 1 else 0
