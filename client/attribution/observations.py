"""What was seen beside an utterance while it ran: exchanges with the server's clock, blocked loops, the sound device.

Plain facts in nanoseconds on the client's clock, except where a field says that it is the server's. `watch` collects
them; `steps`, `budgets` and `verdict` read them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Span:
    """From `start_ns` up to `end_ns`."""

    start_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        return max(0, self.end_ns - self.start_ns)

    def common(self, other: Span) -> Span:
        """What both cover; of length 0 if they do not meet."""
        return Span(max(self.start_ns, other.start_ns), min(self.end_ns, other.end_ns))


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One question to the server's clock and its answer, on a connection of its own."""

    sent_ns: int
    server_received_ns: int  # server's clock
    server_sent_ns: int  # server's clock
    received_ns: int
    server_blocked: Span | None = None  # the server loop's largest recent delay, on the server's clock

    @property
    def round_trip_ns(self) -> int:
        """Without the time in the server's handler."""
        return self.received_ns - self.sent_ns - (self.server_sent_ns - self.server_received_ns)


@dataclass(frozen=True, kw_only=True)
class Write:
    """Samples on their way into the playout buffer."""

    end_sample: int  # after this write, so many samples had been written
    asked_ns: int
    done_ns: int


@dataclass(frozen=True, kw_only=True)
class Underrun:
    """The device asked, and nothing was there."""

    position: int  # samples played before it
    at_ns: int
    missing_samples: int


@dataclass(frozen=True, kw_only=True)
class DeviceLog:
    """What the sound device did."""

    opening: Span
    sample_rate: int
    started_ns: int | None = None  # the first sample sounds, by the device's own clock
    allowed_ns: int | None = None  # playback might begin: the pre-buffer was over
    block_s: float = 0.0  # of sound that the device takes at once
    latency_s: float = 0.0  # between taking a sample and sounding it
    writes: tuple[Write, ...] = ()
    underruns: tuple[Underrun, ...] = ()
    stalls: tuple[Span, ...] = ()  # the device did not ask for sound when it should have
    losses: tuple[Span, ...] = ()  # there was no device; the stalls around them hold them


@dataclass(frozen=True, kw_only=True)
class Signs:
    exchanges: tuple[Exchange, ...] = ()
    unanswered: Span | None = None  # a question that was given up
    loop_blocks: tuple[Span, ...] = ()  # of the program's event loop
    reader_blocks: tuple[Span, ...] = ()  # of the reader thread's
    device: DeviceLog | None = None
    probe_interval_s: float = 0.0  # between an answer and the next question
    tick_s: float = 0.0  # of the probes of both loops


NOTHING = Signs()


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
