"""The ledger between T3 and flow: per utterance, the speech tokens that were drawn and not yet spoken, in order.

Lookahead is peeked, not consumed: `peek(n)`, `advance(n)`, `closed`. A ledger is plain data; whoever shares it between
threads holds one condition around every call (`engine.pipeline` does).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from engine.errors import GaplessError
from engine.scheduling.record import SegmentRecord
from engine.scheduling.windows import Window
from engine.text.alignment import SegmentAlignment
from engine.text.segmenter import TextSegment


@dataclass
class SegmentTokens:
    """The speech tokens of one segment, from its prefill to its last window."""

    index: int  # of the segment in its utterance
    text: TextSegment
    spoken: str  # what T3 was given
    t3_start_ns: int
    prefill_end_ns: int
    busy_ns: int = 0  # T3's work on it so far
    closed: bool = False  # T3 drew the stop token: nothing follows
    closed_ns: int = 0  # when
    traced: bool = False  # its text and prefill are in the trace
    warning: str = ""  # what a listener should know about it; "" = nothing
    drawn: int = 0  # tokens so far
    alignment: SegmentAlignment | None = None  # None: nobody asked when its words are spoken
    record: SegmentRecord = field(default_factory=SegmentRecord)
    decided: deque[Window] = field(default_factory=deque)  # its next windows, as another engine ran them
    _tokens: deque[int] = field(default_factory=deque)
    _drawn_ns: deque[int] = field(default_factory=deque)
    _busy_ns: deque[int] = field(default_factory=deque)  # `busy_ns` when the token was drawn
    _taken_busy_ns: int = 0

    @property
    def waiting(self) -> int:
        return len(self._tokens)

    def append(self, token: int, drawn_ns: int) -> None:
        self.drawn += 1
        self._tokens.append(token)
        self._drawn_ns.append(drawn_ns)
        self._busy_ns.append(self.busy_ns)
        if self.record.tokens is not None:
            self.record.tokens.append(token)

    @property
    def lacks_tokens(self) -> bool:
        """Whether there are fewer than the windows need that are decided. Of a segment that is closed."""
        spoken = 0
        for window in self.decided:
            if self.waiting < spoken + window.n_new + window.lookahead:
                return True
            spoken += window.n_new
        return False

    def peek(self, count: int) -> list[int]:
        """Returns the next `count` tokens, or fewer if fewer are there."""
        return list(islice(self._tokens, count))

    def drawn_ns(self, index: int) -> int:
        """When the waiting token `index` was drawn; 0 if there is none."""
        return self._drawn_ns[index] if 0 <= index < len(self._drawn_ns) else 0

    def complete_ns(self, count: int, final: bool) -> int:
        """When the last of the next `count` tokens was drawn; of a final window, when it was known to be final."""
        return max(self.drawn_ns(count - 1), self.closed_ns if final else 0)

    def take_busy_ns(self, count: int, final: bool) -> int:
        """T3's work on the next `count` tokens, as far as it was not taken before."""
        busy_ns = self._busy_ns[count - 1] if not final and 0 < count <= len(self._busy_ns) else self.busy_ns
        before, self._taken_busy_ns = self._taken_busy_ns, max(busy_ns, self._taken_busy_ns)
        return self._taken_busy_ns - before

    def advance(self, count: int) -> None:
        for _ in range(count):
            self._tokens.popleft()
            self._drawn_ns.popleft()
            self._busy_ns.popleft()


@dataclass(frozen=True)
class FlushMark:
    """Stands between segments: all audio before it has been sent when it comes up."""

    flush_id: int


@dataclass(frozen=True)
class Failure:
    """Stands behind the segments that were drawn before something broke."""

    error: GaplessError


@dataclass
class Ledger:
    """One utterance's segments and marks in order; bounded in tokens."""

    capacity: int
    entries: deque[SegmentTokens | FlushMark | Failure] = field(default_factory=deque)

    @property
    def waiting(self) -> int:
        waiting = 0
        for entry in self.entries:  # asked for every utterance in every step: a loop is cheaper than a sum
            if isinstance(entry, SegmentTokens):
                waiting += len(entry._tokens)
        return waiting

    @property
    def has_room(self) -> bool:
        return self.waiting < self.capacity
