"""The board: all running utterances under one condition. Callers put text on it, the two workers take work from it.

Every field of a `Running` is touched with the board's condition held, except `row` (the t3 thread's own) and `audio`
(the flow thread's own). What each worker may do next is decided here, as pure logic over the board:

    t3:    step every utterance that decodes and has room in its ledger; begin at most one new segment
    flow:  of all windows that are ready and whose channel has room, the one whose playback deadline is nearest
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context

from engine.clock import now_ns
from engine.errors import EmptyText, EngineClosed, GaplessError, Overloaded
from engine.jobs import Row
from engine.ladder import LadderConfig, Window, largest_peek, next_window
from engine.ledger import FlushMark, Ledger, SegmentTokens
from engine.messages import Accepted, EngineStats, Failed, Finished, FlushDone, Sink, Usage, Utterance
from engine.text.segmenter import Segmenter, TextSegment

RETRY_AFTER_S = 1.0  # an utterance lasts seconds: asking again sooner is seldom worth it


@dataclass(frozen=True)
class Spoken:
    """A piece of a text segment, as T3 is given it."""

    segment: TextSegment
    text: str


@dataclass
class Running:
    """One utterance, from submit to its last event."""

    request: Utterance
    accepted: Accepted
    sink: Sink
    trace: Context
    segmenter: Segmenter
    ledger: Ledger
    texts: deque[TextSegment | FlushMark] = field(default_factory=deque)  # cut, not yet made speakable
    pieces: deque[Spoken] = field(default_factory=deque)  # speakable, T3 has not begun
    decoding: SegmentTokens | None = None
    row: Row | None = None
    audio: Any = None  # the audio stage's state
    input_ended: bool = False
    cancelled: bool = False
    error: GaplessError | None = None  # T3 failed: reported once the audio before it is out
    n_characters: int = 0
    n_segments: int = 0
    n_tokens: int = 0
    n_windows: int = 0
    n_chunks: int = 0
    segment_windows: int = 0  # windows of the segment at the ledger's head
    samples_sent: int = 0
    samples_unreleased: int = 0
    first_chunk_ns: int = 0
    t3_ns: int = 0
    flow_ns: int = 0

    @property
    def idle(self) -> bool:
        """Nothing waits anywhere between the text and the listener."""
        return not (self.texts or self.pieces or self.decoding or self.ledger.entries)

    @property
    def usage(self) -> Usage:
        return Usage(
            input_characters=self.n_characters,
            segments=self.n_segments,
            speech_tokens=self.n_tokens,
            samples=self.samples_sent,
            windows=self.n_windows,
            t3_ns=self.t3_ns,
            flow_ns=self.flow_ns,
        )


@dataclass(frozen=True)
class FlowJob:
    running: Running
    segment: SegmentTokens
    window: Window


@dataclass(frozen=True, kw_only=True)
class BoardConfig:
    max_utterances: int
    ladder: LadderConfig
    lookahead: int  # tokens, of the flow
    sample_rate: int  # Hz
    samples_per_token: int
    ledger_tokens: int  # capacity of one utterance's ledger
    channel_samples: int  # audio that may wait for its listener, per utterance


class Board:
    """Callers' methods are thread-safe; those of the workers want `changed` held."""

    def __init__(self, config: BoardConfig) -> None:
        needed = largest_peek(config.ladder, config.lookahead)
        if config.ledger_tokens < needed:
            raise ValueError(f"ledger_tokens is {config.ledger_tokens}, the largest window needs {needed}")
        self.config = config
        self.changed = threading.Condition()
        self.closed = False
        self._running: dict[str, Running] = {}
        self._leaving: list[Running] = []  # cancelled, their row not yet given back

    # ------------------------------------------------------------------------------------------ callers

    def add(self, running: Running) -> None:
        """Raises Overloaded or EngineClosed."""
        with self.changed:
            if self.closed:
                raise EngineClosed("the engine is shutting down")
            if len(self._running) >= self.config.max_utterances:
                raise Overloaded(len(self._running), self.config.max_utterances, RETRY_AFTER_S)
            if running.request.id in self._running:
                raise ValueError(f"utterance {running.request.id} runs already")
            self._running[running.request.id] = running
            self.changed.notify_all()

    def update(self, utterance_id: str, change: Callable[[Running], None]) -> None:
        """Applies a caller's change; does nothing for an utterance that has ended."""
        with self.changed:
            if running := self._running.get(utterance_id):
                change(running)
                self.changed.notify_all()

    def cancel(self, utterance_id: str) -> None:
        with self.changed:
            if running := self._running.pop(utterance_id, None):
                running.cancelled = True
                self._leaving.append(running)
                self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            for utterance_id in list(self._running):
                self.cancel(utterance_id)
            self.changed.notify_all()

    def stats(self) -> EngineStats:
        with self.changed:
            everyone = [*self._running.values(), *self._leaving]
            return EngineStats(
                utterances=len(self._running),
                tokens_waiting=sum(running.ledger.waiting for running in everyone),
                samples_unreleased=sum(running.samples_unreleased for running in self._running.values()),
                slots_in_use=sum(running.row is not None for running in everyone),
            )

    # ------------------------------------------------------------------------------------------ t3 thread

    def take_leaving(self) -> list[Running]:
        leaving, self._leaving = self._leaving, []
        return leaving

    def cut_overdue(self, now: int) -> None:
        for running in self._running.values():
            running.texts += running.segmenter.overdue(now)

    def next_cut_ns(self) -> int | None:
        deadlines = (running.segmenter.deadline_ns for running in self._running.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def to_speak(self) -> Running | None:
        """An utterance whose next segment may begin; who waits for its first audio goes first."""
        waiting = [
            running
            for running in self._running.values()
            if running.decoding is None and running.error is None and (running.texts or running.pieces)
            and running.ledger.has_room
        ]  # fmt: skip
        return min(waiting, key=self._deadline_ns, default=None)

    def to_step(self) -> list[Running]:
        return [running for running in self._running.values() if running.decoding and running.ledger.has_room]

    # ------------------------------------------------------------------------------------------ flow thread

    def _deadline_ns(self, running: Running) -> int:
        """When its audio runs out, if it plays in real time since its first chunk; 0 before that."""
        if not running.first_chunk_ns:
            return 0
        return running.first_chunk_ns + running.samples_sent * 1_000_000_000 // self.config.sample_rate

    def next_flow_job(self) -> FlowJob | None:
        jobs = (job for running in self._running.values() for job in self._jobs_of(running))
        return min(jobs, key=lambda job: self._deadline_ns(job.running), default=None)

    def _jobs_of(self, running: Running) -> Iterator[FlowJob]:
        head = running.ledger.entries[0] if running.ledger.entries else None
        if not isinstance(head, SegmentTokens):
            return
        config = self.config
        window = next_window(config.ladder, running.segment_windows, head.waiting, head.closed, config.lookahead)
        if window is None:
            return
        waiting = running.samples_unreleased
        if not waiting or waiting + window.n_new * config.samples_per_token <= config.channel_samples:
            yield FlowJob(running, head, window)

    def settle(self) -> list[tuple[Running, Finished | Failed | FlushDone]]:
        """Events that stand at the front of an utterance's order: flush marks, ends, errors."""
        events: list[tuple[Running, Finished | Failed | FlushDone]] = []
        for running in list(self._running.values()):
            while running.ledger.entries and isinstance(mark := running.ledger.entries[0], FlushMark):
                running.ledger.entries.popleft()
                events.append((running, FlushDone(flush_id=mark.flush_id, end_sample=running.samples_sent)))
            if running.error is not None and not running.ledger.entries:
                events.append((running, Failed(error=running.error)))
                self.cancel(running.request.id)
            elif running.input_ended and running.idle:
                spoke = running.n_segments > 0
                events.append((running, Finished(usage=running.usage) if spoke else Failed(error=EmptyText())))
                self.cancel(running.request.id)
        return events


def push_text(running: Running, text: str) -> None:
    running.n_characters += len(text)
    running.texts += running.segmenter.push(text, now_ns())


def flush(running: Running, flush_id: int) -> None:
    running.texts += [*running.segmenter.flush(now_ns()), FlushMark(flush_id)]


def end_input(running: Running) -> None:
    running.texts += running.segmenter.flush(now_ns())
    running.input_ended = True


def release(running: Running, num_samples: int) -> None:
    running.samples_unreleased = max(0, running.samples_unreleased - num_samples)
