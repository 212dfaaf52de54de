"""Stretches of time with a known cause: a blocked loop, a device being opened, a buffer that was full on purpose.

Such a cause takes precedence over the hop in which its effect shows: sound that waits in a channel while the server's
loop is blocked waits for the loop. All spans are on the client's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from .._clock import Span
from ..record import Record
from .chunk_timeline import moved
from .clock_bounds import ClockBounds
from .hops import Hop
from .observations import Observations, length_ns, merged, without

SHORT_NS = 25_000_000  # a loop that is so late is not blocked: the machine is busy
FULL_NS = 5_000_000  # longer between receipt and buffer: the buffer was full
_SERVER_TICK_NS = 10_000_000  # of the server's probe: a block begins up to so much before it shows


@dataclass(frozen=True, kw_only=True)
class Blocks:
    utterance: Span  # what happened before or after is not its business
    spans: dict[Hop, list[Span]]
    opening_on_reader: tuple[Span, ...] = ()  # the device was opened on the loop that reads: nobody read meanwhile

    def of(self, hop: Hop) -> list[Span]:
        return self.spans.get(hop, [])

    def length_ns(self, hop: Hop) -> int:
        return length_ns(self.of(hop))

    def label(self, hop: Hop, span: Span, causes: Iterable[Hop]) -> list[tuple[Hop, Span]]:
        """Cuts `span` up: to each of `causes`, the first ones first, what they cover; to `hop` the rest."""
        pieces, left = [], [span] if span.length_ns else []
        for cause in (Hop.RECONNECT, *causes):
            covered = merged(block.common(rest) for block in self.of(cause) for rest in left)
            pieces += [(cause, part) for part in covered]
            left = [part for rest in left for part in without(rest, covered)]
        return sorted([*pieces, *((hop, rest) for rest in left)], key=lambda piece: piece[1])


def known_blocks(record: Record, observations: Observations, bounds: ClockBounds | None) -> Blocks:
    """Of all that is known, what fell into the utterance; a server without stamps has no blocks."""
    whole = _whole(record)
    opening = [observations.device.opening] if observations.device else []
    tick_ns = round(observations.tick_s * 1e9)
    loop = [part for block in _within(whole, observations.loop_blocks, tick_ns) for part in without(block, opening)]
    lost = list(_lost(record))
    reader = merged([*_within(whole, observations.reader_blocks, tick_ns), *_not_reading(record)])
    writes = observations.device.writes if observations.device else ()
    return Blocks(
        utterance=whole,
        spans={
            Hop.DEVICE_OPEN: opening,
            Hop.SERVER_LOOP: _within(whole, _server_blocks(record, observations, bounds), _SERVER_TICK_NS),
            Hop.CLIENT_LOOP: loop,
            Hop.CLIENT_READER: [part for block in reader for part in without(block, [*opening, *lost])],
            Hop.RECONNECT: lost,
            Hop.MOVE: [span for receipt in record.receipts if (span := moved(receipt.timings, bounds))],
            Hop.PACING: merged(Span(write.asked_ns, write.done_ns) for write in writes),
            Hop.CLIENT_BUFFER: merged(_full(record)),
            Hop.DEVICE: list(observations.device.stalls) if observations.device else [],
        },
        opening_on_reader=tuple(part for block in reader for one in opening if (part := block.common(one)).length_ns),
    )


def _whole(record: Record) -> Span:
    """From its opening until it has been played, had it begun with the last chunk."""
    began_ns = record.opened_ns or min((piece.asked_ns or piece.sent_ns for piece in record.sent), default=0)
    last_ns = max((receipt.taken_ns for receipt in record.receipts), default=began_ns)
    finished_ns = record.finished.received_ns if record.finished else 0
    return Span(began_ns, max(last_ns, finished_ns) + round(record.audio_s * 1e9))


def _within(whole: Span, blocks: Iterable[Span], tick_ns: int) -> list[Span]:
    """A probe notices a block from its next tick on: half a tick after it began, on average. Short ones are none."""
    wide = [Span(block.start_ns - tick_ns // 2, block.end_ns) for block in blocks if block.length_ns > SHORT_NS]
    return merged(block.common(whole) for block in wide)


def _server_blocks(record: Record, observations: Observations, bounds: ClockBounds | None) -> list[Span]:
    if bounds is None:
        return []
    blocks = [exchange.server_blocked for exchange in observations.exchanges if exchange.server_blocked]
    for receipt in record.receipts:
        timings = receipt.timings
        if timings.loop_lag_max_ns:
            start_ns = timings.loop_lag_from_ns or timings.write_start_ns - timings.loop_lag_max_ns
            blocks.append(Span(start_ns, start_ns + timings.loop_lag_max_ns))
    return [Span(bounds.to_client(block.start_ns), bounds.to_client(block.end_ns)) for block in blocks]


def _lost(record: Record) -> Iterator[Span]:
    """From a loss to the next sound, or to where there was none left to come."""
    for resumed in record.resumed:
        after = (receipt.received_ns for receipt in record.receipts if receipt.first_sample >= resumed.first_sample)
        yield Span(resumed.lost_ns, next(after, resumed.received_ns))


def _not_reading(record: Record) -> list[Span]:
    """While the reader thread had dealt with one message and did not ask for the next."""
    pauses = (
        Span(max(before.received_ns, before.buffered_ns), receipt.awaited_ns)
        for before, receipt in pairwise(record.receipts)
    )
    return [pause for pause in pauses if pause.length_ns > FULL_NS]


def _full(record: Record) -> list[Span]:
    """While the buffer between the reader thread and the program was full."""
    waits = (Span(receipt.received_ns, receipt.buffered_ns) for receipt in record.receipts)
    return [wait for wait in waits if wait.length_ns > FULL_NS]
