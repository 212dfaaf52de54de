"""How far the server's clock can be off from ours, by cause and effect alone: nothing arrives before it was sent.

Every message from the server gives a lower bound on how far its clock is ahead, every message to it an upper bound. The
two bounds are one fastest round trip apart. What a message took beyond the fastest is known for each direction; how the
fastest round trip divides between the two directions is never known.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from .._clock import ClockOffset, Exchange
from ..record import Record


@dataclass(frozen=True, kw_only=True)
class ClockBounds:
    """Server's clock minus ours, in nanoseconds."""

    least_ns: int
    most_ns: int | None  # None: nothing is known that went to the server and was stamped there

    @property
    def offset_ns(self) -> int:
        """In the middle; if only one bound is known, as if the fastest message had come in no time."""
        return self.least_ns if self.most_ns is None else (self.least_ns + self.most_ns) // 2

    @property
    def round_trip_ns(self) -> int | None:
        """The fastest way there and back."""
        return None if self.most_ns is None else max(0, self.most_ns - self.least_ns)

    def to_client(self, server_ns: int) -> int:
        return server_ns - self.offset_ns

    def delay_down_ns(self, server_sent_ns: int, received_ns: int) -> int:
        """How much longer a message from the server took than the fastest."""
        return max(0, received_ns - server_sent_ns + self.least_ns)

    def delay_up_ns(self, sent_ns: int, server_received_ns: int) -> int:
        """How much longer a message to the server took than the fastest."""
        return 0 if self.most_ns is None else max(0, server_received_ns - sent_ns - self.most_ns)


def clock_bounds(record: Record, clock: ClockOffset | None, exchanges: Iterable[Exchange] = ()) -> ClockBounds | None:
    """The narrowest bounds; None if no message tells anything. `clock` is a measurement that was made before."""
    exchanges = tuple(exchanges)
    least = [exchange.server_sent_ns - exchange.received_ns for exchange in exchanges]
    most = [exchange.server_received_ns - exchange.sent_ns for exchange in exchanges]
    least += [r.timings.write_start_ns - r.received_ns for r in record.receipts if r.timings.write_start_ns]
    if clock is not None:
        least.append(clock.offset_ns - clock.error_ns)
        most.append(clock.offset_ns + clock.error_ns)
    most += _by_text(record)
    if not least:
        return None
    return ClockBounds(least_ns=max(least), most_ns=max(min(most), max(least)) if most else None)


def _by_text(record: Record) -> Iterator[int]:
    """Upper bounds: no segment was complete before its last character had arrived. While a language model writes, the
    first text comes much earlier than that."""
    pieces = [piece for piece in record.sent if piece.characters]
    ends = list(accumulate(piece.characters for piece in pieces))
    for receipt in record.receipts:
        if pieces and receipt.timings.text_received_ns:
            at = bisect_left(ends, receipt.text_end)
            piece = pieces[at] if at < len(pieces) else pieces[0]
            yield receipt.timings.text_received_ns - piece.sent_ns
