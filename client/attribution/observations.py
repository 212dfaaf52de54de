"""What was seen beside an utterance while it ran: exchanges with the server's clock, blocked loops, the sound device.

Plain facts in nanoseconds on the client's clock, except where a field says that it is the server's. `monitor` collects
them; `chunk_timeline`, `durations`, `known_blocks`, `anomalies` and `evidence` read them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .._clock import Exchange, Span
from ..record import DeviceLog


@dataclass(frozen=True, kw_only=True)
class Observations:
    exchanges: tuple[Exchange, ...] = ()
    unanswered: Span | None = None  # a question that was given up
    loop_blocks: tuple[Span, ...] = ()  # of the program's event loop
    reader_blocks: tuple[Span, ...] = ()  # of the reader thread's
    device: DeviceLog | None = None
    probe_interval_s: float = 0.0  # between an answer and the next question
    tick_s: float = 0.0  # of the probes of both loops


NOTHING_OBSERVED = Observations()


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time, without overlap, in order."""
    result: list[Span] = []
    for span in sorted(span for span in spans if span.length_ns):
        if result and span.start_ns <= result[-1].end_ns:
            result[-1] = Span(result[-1].start_ns, max(result[-1].end_ns, span.end_ns))
        else:
            result.append(span)
    return result


def without(span: Span, taken: Iterable[Span]) -> list[Span]:
    """What is left of `span`."""
    left, at_ns = [], span.start_ns
    for hole in merged(taken):
        if hole.end_ns <= at_ns or hole.start_ns >= span.end_ns:
            continue
        if hole.start_ns > at_ns:
            left.append(Span(at_ns, hole.start_ns))
        at_ns = hole.end_ns
    if at_ns < span.end_ns:
        left.append(Span(at_ns, span.end_ns))
    return left


def length_ns(spans: Iterable[Span]) -> int:
    return sum(span.length_ns for span in merged(spans))
