"""What happened in one utterance and when, as facts: the material of every figure, table and picture.

All instants here are on the client's clock in nanoseconds since the unix epoch, except those in `Timings` (server's).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from ._clock import Span
from .types import Alignment, Chunk, ChunkInfo, Event, Finished, Resumed, ServerWarning, Started, Word


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A piece of input on its way: text, a flush, or the end of input. Stamped immediately before the write."""

    sent_ns: int
    characters: int  # 0 for a bare flush and the end
    asked_ns: int = 0  # when the program handed it over; 0: not known


@dataclass(frozen=True, kw_only=True)
class Receipt(ChunkInfo):
    """A chunk without its audio, and when it was where."""

    taken_ns: int  # when the user's loop had it in hands
    awaited_ns: int = 0  # since when the reader thread had been waiting for it; 0: not known
    buffered_ns: int = 0  # when the reader thread had put it into the buffer; 0: not known


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


@dataclass(kw_only=True)
class Record:
    """Grows while the utterance runs; one utterance's iteration and pushes are its only writers."""

    opened_ns: int = 0
    sent: list[Sent] = field(default_factory=list)
    started: Started | None = None
    receipts: list[Receipt] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)  # where they are in the audio, if that was wanted
    warnings: list[ServerWarning] = field(default_factory=list)
    resumed: list[Resumed] = field(default_factory=list)
    finished: Finished | None = None

    def note(self, event: Event, taken_ns: int, awaited_ns: int = 0, buffered_ns: int = 0) -> None:
        match event:
            case Chunk():
                self.receipts.append(_receipt(event, taken_ns, awaited_ns, buffered_ns))
            case Started():
                self.started = event
            case Alignment():
                self.words += event.words
            case ServerWarning():
                self.warnings.append(event)
            case Resumed():
                self.resumed.append(event)
            case Finished():
                self.finished = event

    @property
    def sample_rate(self) -> int:
        """Hz; 0 before `started`."""
        return self.started.sample_rate if self.started else 0

    @property
    def num_samples(self) -> int:
        return sum(receipt.num_samples for receipt in self.receipts)

    @property
    def audio_s(self) -> float:
        return self.num_samples / self.sample_rate if self.sample_rate else 0.0

    @property
    def text_complete_ns(self) -> int | None:
        """When the last text was sent."""
        return _last(piece.sent_ns for piece in self.sent if piece.characters)


class Recorded:
    """What is known so far of an utterance."""

    def __init__(self, record: Record) -> None:
        self.record = record

    @property
    def started(self) -> Started | None:
        """What the server resolved; None before iteration has seen it."""
        return self.record.started

    @property
    def finished(self) -> Finished | None:
        return self.record.finished

    @property
    def warnings(self) -> list[ServerWarning]:
        return self.record.warnings

    @property
    def words(self) -> list[Word]:
        """Where the words so far are in the audio: with the option `want_alignment`, of servers that know it."""
        return self.record.words


def _receipt(chunk: Chunk, taken_ns: int, awaited_ns: int, buffered_ns: int) -> Receipt:
    known = {field.name: getattr(chunk, field.name) for field in fields(ChunkInfo)}
    return Receipt(**known, taken_ns=taken_ns, awaited_ns=awaited_ns, buffered_ns=buffered_ns)


def _last(instants: Iterable[int]) -> int | None:
    return max(instants, default=None)
