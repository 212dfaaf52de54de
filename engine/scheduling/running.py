"""One running utterance as the workers share it, and what its caller may change about it.

Every field is touched with the scheduler's lock held, except `row`, `begun_ns` and `feeding_ns` (the t3 thread's
own), `flow` (the flow thread's own) and `vocoder` (the vocoder thread's own); a thread may read without it what it
alone writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context

from engine.clock import now_ns
from engine.errors import GaplessError
from engine.messages import Accepted, Aligned, AudioChunk, ChunkTimings, Event, Place, Sink, Usage, Utterance, Warned
from engine.scheduling.jobs import Row
from engine.scheduling.ledger import Failure, FlushMark, Ledger, SegmentTokens
from engine.scheduling.timing import Timing
from engine.scheduling.windows import Window
from engine.text.pronunciations import NONE, Pronunciations
from engine.text.segmenter import FlushPoint, Segmenter, TextSegment
from engine.text.words import WrittenWord
from engine.tracing import UtteranceTrace

START = Place()
SEGMENTS_AHEAD = 16  # of T3, that are cut: text may be given up, and who is spoken to needs no more of it


@dataclass(frozen=True)
class SpeakablePiece:
    """A piece of a text segment, as T3 is given it."""

    segment: TextSegment
    text: str
    words: tuple[WrittenWord, ...] = ()  # where they are in T3's text; none unless word times are wanted
    index: int = 0  # among the pieces of its segment
    is_last: bool = True  # of these


@dataclass(frozen=True)
class Report:
    """Where a listener is in what was sent."""

    played_samples: int
    at_ns: int


@dataclass
class RunningUtterance:
    """One utterance, from submit to its last event."""

    request: Utterance
    accepted: Accepted
    sink: Sink
    trace: UtteranceTrace
    segmenter: Segmenter
    ledger: Ledger
    timing: Timing  # at its speaking rate
    on_leave: Callable[[], None]  # called once, on the t3 thread or when the engine closes, when it has left
    pronunciations: Pronunciations = NONE
    voice: Any = None  # as the stages know it; None while it is being prepared
    texts: deque[TextSegment | FlushMark] = field(default_factory=deque)  # cut, not yet made speakable
    pieces: deque[SpeakablePiece] = field(default_factory=deque)  # speakable, T3 has not begun
    first_piece: int | None = None  # of the segment that it goes on with; those before it were spoken elsewhere
    owed_pause_s: float = 0.0  # asked for by text that has come to nothing
    prepared_ns: int = 0  # when its text last had a turn
    barren: bool = False  # that turn found nothing that can be spoken, and there is more to look at
    decoding: SegmentTokens | None = None
    row: Row | None = None
    behind_ns: int = 0  # so much later than others' its first sound is due, since its caller begins more of them
    begun_ns: int = 0  # when T3 took up the segment that it is fed
    feeding_ns: int = 0  # T3's work on the text of the segment that it feeds
    flow: Any = None  # the mel stage's state
    proposal: Proposal | None = None
    mels: deque[VocoderJob | FlushMark | Failure] = field(default_factory=deque)  # committed, not yet audio
    vocoder: Any = None  # the sound stage's state
    input_complete: bool = False  # no more text will come
    input_ended: bool = False  # and all of it has been cut
    cancelled: bool = False
    failed: bool = False  # nothing more is begun; what was drawn before is spoken
    n_characters: int = 0
    n_segments: int = 0
    n_tokens: int = 0
    n_windows: int = 0
    n_discarded: int = 0  # proposals that came to nothing
    n_chunks: int = 0
    segment_windows: int = 0  # windows of the segment at the ledger's head
    samples_sent: int = 0  # and those that the listener has from elsewhere
    silent_samples: int = 0  # of these, the pauses
    samples_released: int = 0  # by the listener; the caller's thread alone writes it
    channel_full: bool = False  # the next window found no room
    room_ns: int = 0  # when there was room again
    wanted_ns: int = 0  # when it will be time, or was, for a window that came too early
    first_chunk_ns: int = 0
    starts_ns: int = 0  # when playback begins, as far as one can know
    runs_out_ns: int = 0  # when all that was sent will have been played; 0 before the first chunk
    report: Report | None = None  # the listener's latest, not yet looked at; the caller's thread writes it
    listener_reports: bool = False
    tokens_wanted: int = 0  # waiting in the segment at the ledger's head, for the flow to look at it again
    look_again_ns: int = 0  # until then the flow need not look at it again, unless it has these
    t3_ns: int = 0
    flow_ns: int = 0  # of flow and vocoder
    vocoder_ns: int = 0  # of the vocoder alone

    def __post_init__(self) -> None:
        place = self.place
        self.n_segments, self.samples_sent = place.segment, place.first_sample
        self.first_piece = None if place.text_end is None else place.piece
        self.silent_samples = place.first_sample - place.speech_samples
        self.samples_released = self.from_sample

    @property
    def place(self) -> Place:
        """Where it begins."""
        return self.request.resume.place if self.request.resume else START

    @property
    def from_sample(self) -> int:
        """The first that its listener does not have."""
        return self.request.resume.from_sample if self.request.resume else 0

    @property
    def is_heard(self) -> bool:
        """Whether its listener has audio of it."""
        return bool(self.first_chunk_ns)

    @property
    def is_owed(self) -> bool:
        """Whether text of it has been taken up and is not audio yet."""
        return bool(self.decoding or self.ledger.waiting or self.mels)

    @property
    def is_at_its_place(self) -> bool:
        """Whether the segment that T3 begins next is the one that it begins with."""
        return self.n_segments == self.place.segment

    @property
    def samples_to_drop(self) -> int:
        """How many come before any that its listener does not have."""
        return max(0, self.from_sample - self.samples_sent)

    @property
    def has_text(self) -> bool:
        """Whether any text is not prepared yet, now or after a pause, and will be."""
        if self.cancelled or self.failed:
            return False
        return self.segmenter.has_input or bool(self.texts) or self.segmenter.deadline_ns is not None

    def has_text_work(self, now: int) -> bool:
        """Whether text waits to be cut, now that it came or that a pause is over, or a segment to be prepared."""
        return bool(self.texts and not self.pieces) or self.may_cut(now)

    def may_cut(self, now: int) -> bool:
        """Whether text waits to be cut, and not enough has been cut for now; or a pause is over."""
        if self.segmenter.has_input:
            return len(self.texts) < SEGMENTS_AHEAD
        return self.pause_ends_ns is not None and now >= self.pause_ends_ns

    @property
    def pause_ends_ns(self) -> int | None:
        """When a pause will have decided where to cut, if nothing comes until then."""
        return None if self.segmenter.has_input else self.segmenter.deadline_ns

    @property
    def text_can_wait(self) -> bool:
        """Whether work on its text may wait: T3 has something to speak, or there may be no text at all."""
        return self.barren or self.decoding is not None or bool(self.pieces)

    @property
    def samples_unreleased(self) -> int:
        """Negative while what is made comes before all that its listener does not have."""
        return self.samples_sent - self.samples_released

    @property
    def may_settle(self) -> bool:
        """Whether a mark stands in front, or all of the text was spoken; nothing is in the vocoder."""
        entries = self.ledger.entries
        return not isinstance(entries[0], SegmentTokens) if entries else self.input_ended

    @property
    def idle(self) -> bool:
        """Whether nothing waits anywhere between the text and the listener."""
        return not (self.texts or self.pieces or self.decoding or self.ledger.entries or self.mels)

    @property
    def chars_ahead(self) -> list[int]:
        """How many characters each segment has that was cut and that T3 has not begun."""
        texts = [len(text.text) for text in self.texts if isinstance(text, TextSegment)]
        return [len(piece.text) for piece in self.pieces] + texts

    @property
    def tokens_in_vocoder(self) -> int:
        return sum([job.window.n_new for job in self.mels if isinstance(job, VocoderJob)]) if self.mels else 0

    @property
    def usage(self) -> Usage:
        return Usage(
            input_characters=self.n_characters,
            segments=self.n_segments - self.place.segment,
            speech_tokens=self.n_tokens,
            samples=self.samples_sent - self.place.first_sample,
            windows=self.n_windows,
            windows_discarded=self.n_discarded,
            t3_ns=self.t3_ns,
            flow_ns=self.flow_ns,
            vocoder_ns=self.vocoder_ns,
        )


@dataclass(frozen=True)
class FlowJob:
    """A window to run."""

    running: RunningUtterance
    segment: SegmentTokens
    window: Window
    tokens: tuple[int, ...]  # its own, and the lookahead that it sees


@dataclass(frozen=True)
class Proposal:
    """A window that was run; it counts once it is committed."""

    job: FlowJob
    mel: Any
    state: Any
    timings: ChunkTimings
    batch: tuple[Context, ...]  # the traces of all that were run together

    def is_for(self, job: FlowJob) -> bool:
        return self.job.segment is job.segment and self.job.window == job.window


@dataclass(frozen=True)
class VocoderJob:
    """A committed window, on its way to the listener."""

    running: RunningUtterance
    segment: SegmentTokens
    window: Window
    mel: Any
    timings: ChunkTimings
    batch: tuple[Context, ...]


def push_text(running: RunningUtterance, text: str) -> None:
    """Only stores the text: the text thread cuts it, and does what follows from a flush and from the end."""
    running.n_characters += len(text)
    running.segmenter.push(text, now_ns())


def flush(running: RunningUtterance, flush_id: int) -> None:
    running.segmenter.flush(flush_id, now_ns())


def end_input(running: RunningUtterance) -> None:
    running.input_complete = True
    running.segmenter.end(now_ns())


def take_cut(running: RunningUtterance, taken: Sequence[TextSegment | FlushPoint]) -> None:
    """What the segmenter has cut. `input_ended` is set together with the last of it, and no sooner."""
    for one in taken:
        if isinstance(one, TextSegment):
            running.texts.append(one)
        elif one.flush_id is None:
            running.input_ended = True
        else:
            running.texts.append(FlushMark(one.flush_id))


def give_voice(running: RunningUtterance, voice: Any) -> None:
    running.voice = voice


def fail(running: RunningUtterance, error: GaplessError) -> None:
    """Puts the error behind everything that was drawn before it."""
    running.failed = True
    running.ledger.entries.append(Failure(error))


def emit(running: RunningUtterance, event: Event) -> None:
    """Of one that was cancelled nobody wants to hear, and its end is still to be known."""
    if not running.cancelled or not isinstance(event, AudioChunk | Aligned | Warned):
        running.sink(event)
