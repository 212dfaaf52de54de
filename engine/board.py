"""The board: all running utterances under one condition. Callers put text on it, the two workers take work from it.

Every field of a `Running` is touched with the board's condition held, except `row`, `begun_ns` and `feeding_ns` (the t3
thread's own) and `audio` (the flow thread's own); a thread may read without it what it alone writes. What each worker
may do next is decided here, as pure logic over the board:

    t3:    step every utterance that decodes and has room in its ledger, as one batch; feed at most one new segment
    flow:  of all windows that are ready and whose channel has room, the one whose playback deadline is nearest
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from opentelemetry.context import Context

from engine import forecast, ladder, schedule
from engine.clock import now_ns
from engine.errors import EmptyText, EngineClosed, GaplessError, Overloaded
from engine.estimates import Estimates
from engine.forecast import Machine, Stretch
from engine.jobs import Row
from engine.ladder import LadderConfig, Window, largest_peek
from engine.ledger import FlushMark, Ledger, SegmentTokens
from engine.messages import Accepted, ChunkTimings, EngineStats, Failed, Finished, FlushDone, Sink, Usage, Utterance
from engine.schedule import Head
from engine.text.segmenter import Segmenter, TextSegment

NS_PER_S = 1_000_000_000
IDLE_LOAD = 0.5  # share of its time that the flow may be busy if it is to run what may come to nothing
AT_ITS_END = 2  # tokens expected of a segment that may stop any moment
LEAST_SOUND_S = 0.06  # of a first chunk: shorter ones are no start, see "TTFA"
HINT_FACTOR = 1.1  # how much is yet to come is an estimate; too late an end of the pre-buffer costs less than a gap
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
    on_leave: Callable[[], None]  # called once, on the t3 thread, when it has left the board
    voice: Any = None  # as the stages know it; None while it is being prepared
    texts: deque[TextSegment | FlushMark] = field(default_factory=deque)  # cut, not yet made speakable
    pieces: deque[Spoken] = field(default_factory=deque)  # speakable, T3 has not begun
    decoding: SegmentTokens | None = None
    row: Row | None = None
    begun_ns: int = 0  # when T3 took up the segment that it is fed,
    fed_ns: int = 0  # and when it last ran some of it
    audio: Any = None  # the audio stage's state
    proposal: Proposal | None = None
    input_ended: bool = False
    cancelled: bool = False
    error: GaplessError | None = None  # T3 failed: reported once the audio before it is out
    n_characters: int = 0
    n_segments: int = 0
    n_tokens: int = 0
    n_windows: int = 0
    n_discarded: int = 0  # proposals that came to nothing
    n_chunks: int = 0
    segment_windows: int = 0  # windows of the segment at the ledger's head
    samples_sent: int = 0
    samples_unreleased: int = 0
    channel_full: bool = False  # the next window found no room
    room_ns: int = 0  # when there was room again
    wanted_ns: int = 0  # when it will be time, or was, for a window that came too early
    feeding_ns: int = 0  # T3's work on the text of the segment that it feeds
    first_chunk_ns: int = 0
    starts_ns: int = 0  # when playback begins, as far as one can know
    runs_out_ns: int = 0  # when all that was sent will have been played; 0 before the first chunk
    listener_reports: bool = False
    t3_ns: int = 0
    flow_ns: int = 0

    @property
    def idle(self) -> bool:
        """Nothing waits anywhere between the text and the listener."""
        return not (self.texts or self.pieces or self.decoding or self.ledger.entries)

    @property
    def chars_ahead(self) -> list[int]:
        """Characters of each segment that T3 has not begun."""
        texts = [len(text.text) for text in self.texts if isinstance(text, TextSegment)]
        return [len(piece.text) for piece in self.pieces] + texts

    @property
    def usage(self) -> Usage:
        return Usage(
            input_characters=self.n_characters,
            segments=self.n_segments,
            speech_tokens=self.n_tokens,
            samples=self.samples_sent,
            windows=self.n_windows,
            windows_discarded=self.n_discarded,
            t3_ns=self.t3_ns,
            flow_ns=self.flow_ns,
        )


@dataclass(frozen=True)
class FlowJob:
    running: Running
    segment: SegmentTokens
    window: Window


@dataclass(frozen=True)
class Proposal:
    """A window that was run before it was known whether it can be used."""

    job: FlowJob
    audio: NDArray[np.float32]
    state: Any
    timings: ChunkTimings

    def is_for(self, job: FlowJob) -> bool:
        return self.job.segment is job.segment and self.job.window == job.window


@dataclass(frozen=True, kw_only=True)
class BoardConfig:
    max_utterances: int
    ladder: LadderConfig
    by_deadline: bool = False  # windows as schedule.py picks them; else the ladder's
    speculate: bool = False  # run windows before it is known that they can be used, and with less lookahead than usual
    sequential: bool = False  # T3 rests while the flow has work: the baseline of benchmarks
    lookahead: int  # tokens, of the flow
    sample_rate: int  # Hz
    samples_per_token: int
    held_back_samples: int = 0  # by the vocoder, until a segment ends
    pause_samples: int = 0  # between segments, the shorter kind
    ledger_tokens: int  # capacity of one utterance's ledger
    channel_samples: int  # audio that may wait for its listener, per utterance


class Board:
    """Callers' methods are thread-safe; those of the workers want `changed` held."""

    def __init__(self, config: BoardConfig) -> None:
        needed = largest_peek(config.ladder, config.lookahead)
        if config.ledger_tokens < needed:
            raise ValueError(f"ledger_tokens is {config.ledger_tokens}, the largest window needs {needed}")
        self.config = config
        self.estimates = Estimates()
        self.flow_busy = False  # whether a window is being run
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
                limit = self.config.max_utterances
                raise Overloaded(f"{len(self._running)} of {limit} utterances are running", RETRY_AFTER_S)
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

    def close(self) -> list[Running]:
        """Takes no more, and cancels what runs: these."""
        with self.changed:
            self.closed = True
            running = list(self._running.values())
            for one in running:
                self.cancel(one.request.id)
            self.changed.notify_all()
            return running

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
            if running.voice is not None and running.row is None and running.error is None
            and (running.texts or running.pieces) and running.ledger.has_room
        ]  # fmt: skip
        return min(waiting, key=_runs_out_ns, default=None)

    def to_feed(self) -> Running | None:
        """An utterance whose segment has begun and whose text T3 has not run in full; they take turns."""
        feeding = [running for running in self._running.values() if running.row is not None and not running.decoding]
        return min(feeding, key=lambda running: running.fed_ns, default=None)

    def to_step(self) -> list[Running]:
        if self.config.sequential and (self.flow_busy or self.next_flow_job(now_ns())[0]):
            return []
        return [running for running in self._running.values() if running.decoding and running.ledger.has_room]

    # ------------------------------------------------------------------------------------------ flow thread

    def next_flow_job(self, now: int) -> tuple[FlowJob | None, float | None]:
        """The most urgent window that should be run now; if there is none, in how many seconds one may be."""
        jobs, waits = [], []
        for running, head in self._heads():
            window = self._window(running, head, now)
            if isinstance(window, float):
                waits.append(window)
                running.wanted_ns = now + round(window * NS_PER_S)
            elif window is not None and self._has_room(running, window):
                jobs.append(FlowJob(running, head, window))
            elif window is not None:
                running.channel_full = True
        return min(jobs, key=lambda job: _runs_out_ns(job.running), default=None), min(waits, default=None)

    def next_proposal(self) -> FlowJob | None:
        """A segment's last window, run before it is known to be the last: exact if the next thing from T3 is the stop.

        For idle times only: the flow's load must leave room."""
        if not self.config.speculate or self.estimates.flow_load.value > IDLE_LOAD:
            return None
        jobs = []
        for running, head in self._heads():
            if self._may_be_at_its_end(head):
                job = FlowJob(running, head, Window(n_new=head.waiting, lookahead=0, final=True))
                tried = running.proposal is not None and running.proposal.is_for(job)
                if not tried and self._has_room(running, job.window):
                    jobs.append(job)
        return min(jobs, key=lambda job: _runs_out_ns(job.running), default=None)

    def _heads(self) -> Iterator[tuple[Running, SegmentTokens]]:
        """The segments whose turn it is."""
        for running in self._running.values():
            head = running.ledger.entries[0] if running.ledger.entries else None
            if isinstance(head, SegmentTokens):
                yield running, head

    def _may_be_at_its_end(self, head: SegmentTokens) -> bool:
        waiting = 0 < head.waiting <= max(self.config.ladder.sizes) + self.config.lookahead
        return not head.closed and waiting and self._coming(head) <= AT_ITS_END

    def _has_room(self, running: Running, window: Window) -> bool:
        waiting, size = running.samples_unreleased, window.n_new * self.config.samples_per_token
        return not waiting or waiting + size <= self.config.channel_samples

    def _window(self, running: Running, head: SegmentTokens, now: int) -> Window | float | None:
        config, index, ends = self.config, running.segment_windows, running.runs_out_ns
        if not config.by_deadline:
            return ladder.next_window(config.ladder, index, head.waiting, head.closed, config.lookahead)
        state = Head(
            waiting=head.waiting,
            closed=head.closed,
            coming=self._coming(head),
            fresh=index == 0,
            lead_s=(ends - now) / NS_PER_S if ends else None,
            others=len(
                [other for other in self._running.values() if other.ledger.entries and other.runs_out_ns < ends]
            ),
            rescue=config.speculate,
        )
        return schedule.next_window(state, self.machine, self._least_first)

    @property
    def machine(self) -> Machine:
        config, estimates = self.config, self.estimates
        return Machine(
            token_s=estimates.token_s.value,
            begin_s=estimates.begin_s.value,
            window_s=estimates.window_s,
            audio_s=config.samples_per_token / config.sample_rate,
            pause_s=config.pause_samples / config.sample_rate,
            held_back_s=config.held_back_samples / config.sample_rate,
            lookahead=config.lookahead,
            largest=max(config.ladder.sizes),
        )

    @property
    def _least_first(self) -> int:
        """Tokens of a first window that gives LEAST_SOUND_S of sound."""
        config = self.config
        samples = config.held_back_samples + LEAST_SOUND_S * config.sample_rate
        return min(math.ceil(samples / config.samples_per_token), max(config.ladder.sizes))

    def _coming(self, segment: SegmentTokens) -> int:
        """Tokens that T3 is still expected to draw for a segment."""
        if segment.closed:
            return 0
        return max(1, round(self.estimates.tokens_per_char.value * len(segment.spoken)) - segment.drawn)

    def note_audio(self, running: Running, num_samples: int, now: int) -> float | None:
        """A chunk leaves at `now`: moves the deadline. Gives the pre-buffer to hint at, while it matters."""
        rate = self.config.sample_rate
        running.samples_sent += num_samples
        running.samples_unreleased += num_samples
        first = not running.first_chunk_ns
        if first:
            running.first_chunk_ns = running.starts_ns = running.runs_out_ns = now
        if not first and (running.listener_reports or now >= running.starts_ns or not self.config.by_deadline):
            # A listener who starves stands still until there is something again.
            running.runs_out_ns = max(running.runs_out_ns, now) + num_samples * NS_PER_S // rate
            return None
        hint_s = self._prebuffer_s(running, now) if self.config.by_deadline else None
        running.starts_ns = running.first_chunk_ns + round((hint_s or 0.0) * NS_PER_S)
        running.runs_out_ns = max(running.starts_ns, now) + running.samples_sent * NS_PER_S // rate
        return hint_s

    def _prebuffer_s(self, running: Running, now: int) -> float:
        segments = [entry for entry in running.ledger.entries if isinstance(entry, SegmentTokens)]
        stretches = [Stretch(s.waiting, self._coming(s), i == 0 and running.segment_windows > 0)
                     for i, s in enumerate(segments)]  # fmt: skip
        per_char = self.estimates.tokens_per_char.value
        stretches += [Stretch(0, max(1, round(per_char * chars))) for chars in running.chars_ahead]
        ready, durations = forecast.windows(self.machine, stretches)
        elapsed_s = (now - running.first_chunk_ns) / NS_PER_S
        lasts_s = running.samples_sent / self.config.sample_rate - elapsed_s  # from now, had it begun at once
        needed_s = forecast.lateness(ready, durations, lasts_s)
        return HINT_FACTOR * needed_s + schedule.SLACK_S if needed_s > 0 else 0.0

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


def give_voice(running: Running, voice: Any) -> None:
    running.voice = voice


def fail(running: Running, error: GaplessError) -> None:
    running.error = error


def hear(running: Running, played_samples: int, sample_rate: int) -> None:
    """The listener says where he is. Before he has begun there is nothing to be learnt."""
    if not played_samples:
        return
    running.listener_reports = True
    left = running.samples_sent - min(played_samples, running.samples_sent)
    running.runs_out_ns = now_ns() + left * NS_PER_S // sample_rate


def _runs_out_ns(running: Running) -> int:
    return running.runs_out_ns


def release(running: Running, num_samples: int) -> None:
    running.samples_unreleased = max(0, running.samples_unreleased - num_samples)
    if running.channel_full:
        running.channel_full, running.room_ns = False, now_ns()
