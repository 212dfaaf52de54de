"""The scheduler: it holds all running utterances under one lock, takes text from callers, gives work to workers.

It decides what each worker does next, as pure logic over the utterances (running.py):

    text:     cut and prepare a bounded part of one utterance's text, in turns
    t3:       step every utterance that decodes and has room in its ledger, as one batch; feed at most one new segment
    flow:     of all windows that are ready and whose channel has room, those whose playback deadlines are nearest
    vocoder:  of all mel that was committed, those whose playback deadlines are nearest

Marks, errors and ends travel in order with the data: from the ledger through the vocoder's queue to the listener.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from engine.clock import now_ns
from engine.errors import EmptyText, EngineBroken, EngineClosed
from engine.messages import EngineStats, Event, Failed, Finished, FlushDone, Usage, total
from engine.scheduling.admission import Admission
from engine.scheduling.config import SchedulerConfig
from engine.scheduling.contention import due_ns
from engine.scheduling.deadlines import Deadlines
from engine.scheduling.estimates import Estimates
from engine.scheduling.first_sounds import FirstSounds, due_from_now_ns, turn_ns
from engine.scheduling.flow_choice import FlowChoice
from engine.scheduling.ledger import Failure, SegmentTokens
from engine.scheduling.places import Places
from engine.scheduling.running import FlowJob, Report, RunningUtterance, VocoderJob
from engine.scheduling.turns import Turns
from engine.scheduling.wakeups import Stage, Wakeups
from engine.scheduling.windows import largest_peek

MOST_EVENTS = 64  # of one utterance that leave between two runs of the vocoder
SNAPSHOT_NS = 20_000_000  # that what is told of the whole may be old


class Scheduler:
    """Callers' methods are thread-safe; those of the workers want `lock` held."""

    def __init__(self, config: SchedulerConfig) -> None:
        needed = largest_peek(config.ladder, config.timing.lookahead)
        if config.ledger_tokens < needed:
            raise ValueError(f"ledger_tokens is {config.ledger_tokens}, the largest window needs {needed}")
        self.config = config
        self.estimates = Estimates()
        self.deadlines = Deadlines(config.timing, self.estimates, hints=config.by_deadline, rescue=config.speculate)
        self.choice = FlowChoice(config, self.deadlines, self.estimates)
        self.flow_busy = False  # whether a window is being run
        self.lock = threading.RLock()
        self.wakeups = Wakeups()
        self.closed = False
        self.broken: EngineBroken | None = None  # what closed it, unless it was asked to
        self.places = Places(config.max_utterances, "as many as were asked for, or as memory has room for")
        self.admission = Admission(self.places, self.deadlines, self.estimates, vocoder_apart=config.vocoder_apart)
        self.first_sounds = FirstSounds(config, self.deadlines, self.estimates)
        self._turns = Turns()
        self._on_close: list[Callable[[], None]] = []  # for when it closes
        self._done = Usage()  # by those that have left
        self._running: dict[str, RunningUtterance] = {}
        self._with_text: dict[str, RunningUtterance] = {}  # of which not all may be prepared yet
        self._leaving: list[RunningUtterance] = []  # cancelled, their row not yet given back
        # Tokens that an utterance may wait with: below `low` T3 begins to fill, and it fills all up to `high` at least.
        self._low = max(needed, config.ledger_tokens - 2 * config.timing.largest)
        self._high = max(needed, config.ledger_tokens - config.timing.largest)
        self._filling = False
        self._snapshot: EngineStats | None = None  # of what is told to whoever asks,
        self._snapshot_ns = 0  # and when

    # ------------------------------------------------------------------------------------------ callers

    def add(self, running: RunningUtterance) -> None:
        """Raises Overloaded or EngineClosed."""
        with self.lock:
            if self.closed:
                raise self.broken or EngineClosed("the engine takes no more work: it is shutting down")
            self.look()
            self.admission.check(list(self._running.values()), running.request.caller, now_ns())
            if running.request.id in self._running:
                raise ValueError(f"utterance {running.request.id} runs already")
            running.behind_ns = self._turns.take(running.request.caller, now_ns())
            self._running[running.request.id] = running
            self._snapshot = None

    def update(self, utterance_id: str, change: Callable[[RunningUtterance], None], *wakes: Stage) -> None:
        """Applies a caller's change and wakes who is concerned; does nothing for an utterance that has ended."""
        with self.lock:
            if running := self._running.get(utterance_id):
                change(running)
                self._with_text[utterance_id] = running
                self.wakeups.wake(*wakes)

    def release(self, utterance_id: str, num_samples: int) -> None:
        """The listener took audio. Called often, for every listener: takes no lock."""
        if running := self._running.get(utterance_id):
            sent = max(running.samples_sent, running.from_sample)
            running.samples_released = min(running.samples_released + num_samples, sent)
            self.find_room(running)

    def find_room(self, running: RunningUtterance) -> None:
        """Its channel has more room than it had, which may be enough for its next window. Takes no lock either."""
        if running.channel_full:
            running.channel_full, running.room_ns = False, now_ns()
            self.wakeups.wake(Stage.FLOW, Stage.T3)

    def hear(self, utterance_id: str, played_samples: int) -> None:
        """The listener says where he is; his latest word counts, once it is asked for. Takes no lock either."""
        if played_samples and (running := self._running.get(utterance_id)):
            running.report = Report(played_samples, now_ns())

    def cancel(self, utterance_id: str) -> Usage | None:
        """Ends an utterance. Returns what was done for it, or None where it had ended before."""
        with self.lock:
            running = self._running.pop(utterance_id, None)
            if running is None:
                return None
            running.cancelled = True
            running.mels.clear()  # what refers back to it would keep its states until a garbage collection
            running.proposal = None
            self._with_text.pop(utterance_id, None)
            self._snapshot = None
            self._done = total([self._done, running.usage])
            self._leaving.append(running)
            self.wakeups.wake(Stage.T3)
            return running.usage

    def on_close(self, callback: Callable[[], None]) -> None:
        with self.lock:
            self._on_close.append(callback)
            closed = self.closed
        if closed:
            callback()

    def close(self, broken: EngineBroken | None = None) -> list[RunningUtterance]:
        """Takes no more utterances, cancels those that run, and returns them."""
        with self.lock:
            if not self.closed:
                self.closed, self.broken = True, broken
            running = list(self._running.values())
            for one in running:
                self.cancel(one.request.id)
            self.wakeups.wake_all()
        for callback in self._on_close:
            callback()
        return running

    def look(self) -> None:
        """Sees, now and then, whether there are too many utterances, or room for more. Wants `lock` held."""
        if self.admission.is_time(now := now_ns()):
            self.admission.look(now, len(self._running), self._done_in_all())

    def _done_in_all(self) -> Usage:
        return total([self._done, *(running.usage for running in self._running.values())])

    def stats(self) -> EngineStats:
        """As it was at most SNAPSHOT_NS ago, who runs as it is now: whoever asks again and again costs the workers
        nothing."""
        snapshot, now = self._snapshot, now_ns()
        if snapshot is None or now - self._snapshot_ns > SNAPSHOT_NS:
            with self.lock:
                self._snapshot = snapshot = self._stats()
                self._snapshot_ns = now
        return snapshot

    def _stats(self) -> EngineStats:
        everyone = [*self._running.values(), *self._leaving]
        return EngineStats(
            utterances=len(self._running),
            tokens_waiting=sum(running.ledger.waiting for running in everyone),
            samples_unreleased=sum(self.choice.samples_ahead(running) for running in self._running.values()),
            slots_in_use=sum(running.row is not None for running in everyone),
            done=self._done_in_all(),
            places=self.places.number,
            places_reason=self.places.reason,
            places_risen=self.places.risen,
            places_fallen=self.places.fallen,
            least_lead_s=self.deadlines.least_lead_s(self._running.values(), now_ns()),
        )

    # ------------------------------------------------------------------------------------------ text thread

    def to_prepare(self, now: int) -> RunningUtterance | None:
        """An utterance whose text can be cut, or whose next segment can be made speakable; they take turns, those
        first that somebody waits for."""
        self._with_text = {name: running for name, running in self._with_text.items() if running.has_text}
        waiting = [running for running in self._with_text.values() if running.has_text_work(now)]
        return min(waiting, key=lambda running: (running.text_can_wait, running.prepared_ns), default=None)

    def next_cut_ns(self) -> int | None:
        deadlines = (running.pause_ends_ns for running in self._with_text.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    # ------------------------------------------------------------------------------------------ t3 thread

    def take_leaving(self) -> list[RunningUtterance]:
        leaving, self._leaving = self._leaving, []
        return leaving

    def to_speak(self) -> RunningUtterance | None:
        """An utterance whose next segment may begin; who waits for its first audio goes first."""
        waiting = [
            running
            for running in self._running.values()
            if running.voice is not None and running.row is None and not running.failed
            and running.pieces and running.ledger.has_room
        ]  # fmt: skip
        return min(waiting, key=due_ns, default=None)

    def to_feed(
        self, stepping: Sequence[RunningUtterance], starting: RunningUtterance | None = None
    ) -> RunningUtterance | None:
        """Of the utterances whose segment has begun and whose text T3 has not prefilled in full, the one due first;
        None: it waits for the first sounds of those that step. An utterance that is just starting is among them: no
        step comes between its beginning and its text."""
        feeding = [running for running in self._running.values() if running.row is not None and not running.decoding]
        if starting is not None and not starting.runs_out_ns:
            feeding.append(starting)
        now = now_ns()
        silent = min((one for one in feeding if not one.runs_out_ns), key=lambda one: turn_ns(one, now), default=None)
        listening = min((one for one in feeding if one.runs_out_ns), key=due_ns, default=None)
        ones = [one for one in (silent, listening) if one is not None]
        first = min(ones, key=lambda one: due_from_now_ns(one, now), default=None)
        return first if first is not None and self.first_sounds.may_feed(first, stepping, now) else None

    def beside(self, stepping: Sequence[RunningUtterance], feeding: RunningUtterance | None) -> list[RunningUtterance]:
        """Those of the `stepping` who step now: not all while T3 works for somebody's first sound."""
        return self.first_sounds.beside(stepping, feeding, now_ns())

    def to_step(self) -> list[RunningUtterance]:
        """Everyone who decodes and has room, once one of them needs it, until nobody needs it soon: a step for many
        costs little more than for one, so they are filled together rather than each as its own window leaves."""
        if self.config.sequential and (self.flow_busy or self.in_vocoder or self.next_flow_jobs(now_ns())[0]):
            return []
        enough = self._high if self._filling else self._low
        rows, self._filling = [], False
        for running in self._running.values():
            if running.decoding and (waiting := running.ledger.waiting) < running.ledger.capacity:
                rows.append(running)
                self._filling |= waiting < enough and not running.channel_full
        return rows if self._filling else []

    # ------------------------------------------------------------------------------------------ flow thread

    def next_flow_jobs(self, now: int) -> tuple[list[FlowJob], float | None]:
        """The most urgent windows that should be run now, in order, and in how many seconds another one may be."""
        if self.config.sequential and self.in_vocoder:
            return [], None
        return self.choice.jobs(self._heads(), now, len(self._running))

    def next_proposal(self) -> FlowJob | None:
        """A window that is worth trying before it is known that it can be used."""
        if not self.config.speculate or not self.estimates.flow_has_time:
            return None
        return self.choice.proposal(self._heads())

    def pass_on(self, running: RunningUtterance) -> None:
        """Marks at the front of the ledger go on to the vocoder's queue: they stand behind audio, not before it."""
        entries = running.ledger.entries
        if not entries or isinstance(entries[0], SegmentTokens):
            return
        while entries and not isinstance(mark := entries[0], SegmentTokens):
            entries.popleft()
            running.mels.append(mark)
        self.wakeups.wake(Stage.VOCODER)

    def _heads(self) -> list[tuple[RunningUtterance, SegmentTokens]]:
        """Yields, for each utterance, the segment whose turn it is."""
        heads = []
        for running in self._running.values():
            if running.report is not None:
                self.deadlines.hear(running)
            if entries := running.ledger.entries:
                if not isinstance(entries[0], SegmentTokens):
                    self.pass_on(running)
                if entries and isinstance(head := entries[0], SegmentTokens):
                    heads.append((running, head))
        return heads

    # ------------------------------------------------------------------------------------------ vocoder thread

    def next_vocoder_jobs(self) -> list[VocoderJob]:
        """Returns the next mel of every utterance, the most urgent first."""
        heads = [running.mels[0] for running in self._running.values() if running.mels]
        jobs = [job for job in heads if isinstance(job, VocoderJob)]
        return sorted(jobs, key=lambda job: due_ns(job.running))

    @property
    def in_vocoder(self) -> bool:
        """Whether there is anything between flow and listener."""
        return any(running.mels for running in self._running.values())

    def _to_settle(self) -> list[RunningUtterance]:
        """Those who may have a mark in front, or have come to their end: nobody whose audio is being made."""
        return [
            running
            for running in self._running.values()
            if (not isinstance(running.mels[0], VocoderJob) if running.mels else running.may_settle)
        ]

    def settle(self) -> list[tuple[RunningUtterance, Event]]:
        """Returns events whose turn it is, once the audio before them has left: flush marks, ends, errors. They are at
        most MOST_EVENTS of an utterance at once, so that a flood of flushes keeps nobody's audio waiting."""
        events: list[tuple[RunningUtterance, Event]] = []
        for running in self._to_settle():
            self.pass_on(running)
            for _ in range(MOST_EVENTS):
                if not running.mels or isinstance(mark := running.mels[0], VocoderJob):
                    break
                running.mels.popleft()
                if isinstance(mark, Failure):
                    events.append((running, Failed(error=mark.error)))
                    self.cancel(running.request.id)
                    break
                events.append((running, FlushDone(flush_id=mark.flush_id, end_sample=running.samples_sent)))
            if not running.cancelled and running.input_ended and running.idle:
                spoke = running.n_segments > 0
                events.append((running, Finished(usage=running.usage) if spoke else Failed(error=EmptyText())))
                self.cancel(running.request.id)
        return events
