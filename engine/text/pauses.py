"""When a pause of the writer decides where text is cut, and where that is.

One rule holds. When nothing new has come for a moment (2.5 times the usual distance of the pieces, at least 0.2 s, at
most the longest wait), what waits is spoken if it ends a sentence or is an item of a list with its line end; after the
longest wait it is spoken up to its last clause mark; and only after six times that wait up to its last complete word,
so that no phrase is torn while it is being written. A dot behind a number may be the point of a decimal, one in an
address that has just begun may go on: neither ends a sentence so early.
"""

from __future__ import annotations

import re

from engine.text.sentences import ends_somehow, ends_well

PATIENCE = 6  # longest waits until an unfinished phrase is spoken
_LEAST_PAUSE_NS = 200_000_000
_PACES = 2.5  # usual distances between pieces without a piece are a pause
_PACE_MEMORY = 4  # pieces

_LAST_SPACE = re.compile(r"(?s:.*)\s")
_LAST_CLAUSE = re.compile(r"(?:[^\d\W]|[\"'”’)\]»%])[,;:،؛][\"'”’)\]»]{0,30}(?=\s|\Z)|\d[,;:](?=\s)|—")


class Writer:
    """How fast text comes. Instants are passed in."""

    def __init__(self, max_delay_ns: int) -> None:
        self.max_delay_ns = max_delay_ns  # the longest wait
        self.heard_ns: int | None = None  # when the last piece came
        self._pace_ns: float | None = None  # usual distance of two pieces

    def hear(self, received_ns: int) -> None:
        if self.heard_ns is not None:
            distance = min(received_ns - self.heard_ns, self.max_delay_ns)
            pace = distance if self._pace_ns is None else self._pace_ns
            self._pace_ns = pace + (distance - pace) / _PACE_MEMORY
        self.heard_ns = received_ns

    @property
    def moment_ns(self) -> int:
        """Without a piece, it is a pause of the writer."""
        return min(max(_LEAST_PAUSE_NS, round(_PACES * (self._pace_ns or 0))), self.max_delay_ns)

    def pause_of(self, text: str, begin: int) -> tuple[int, int] | None:
        """After how long a pause text that begins at `begin` is cut, and where; None: no pause makes it speakable."""
        if not any(map(str.isalnum, text[begin:])):
            return None
        if ends_well(text, begin):
            return self.moment_ns, len(text)
        somehow = ends_somehow(text, begin)
        if somehow and text[-1].isspace():  # as an ordinal does: 'den 3. juli'
            return self.max_delay_ns, len(text)
        if clauses := [mark.end() for mark in _LAST_CLAUSE.finditer(text, begin)]:
            return self.max_delay_ns, clauses[-1]
        if somehow:
            return PATIENCE * self.max_delay_ns, len(text)
        if complete := _LAST_SPACE.match(text, begin):
            return PATIENCE * self.max_delay_ns, complete.end()
        return None
