"""T3's runner: text -> speech tokens, one for every running utterance in each step."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial

from engine.clock import now_ns
from engine.device.faults import reported
from engine.errors import InvalidRequest
from engine.pipeline.breakdown import StageFailures
from engine.pipeline.worker import Runner, Work
from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.jobs import SegmentJob, TokenStage
from engine.scheduling.ledger import SegmentTokens
from engine.scheduling.record import SegmentRecord, spoken_before
from engine.scheduling.running import RunningUtterance, fail
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.wakeups import Stage
from engine.text.alignment import SegmentAlignment

log = logging.getLogger(__name__)


class T3Runner(Runner):
    """Owner of the token stage: of T3, its rows and its caches."""

    stage = Stage.T3

    def __init__(self, scheduler: Scheduler, stage: TokenStage) -> None:
        self._scheduler = scheduler
        self._stage = stage
        self._failures = StageFailures("T3", scheduler)
        config = scheduler.config
        self._flow_looks_always = config.sequential or config.speculate
        self._stepped_ns = 0  # when the last step ended, if somebody goes on from it and nothing was waited for since

    def take(self) -> Work | None:
        scheduler = self._scheduler
        leaving, starting = scheduler.take_leaving(), scheduler.to_speak()
        wanted = scheduler.to_step()
        feeding = scheduler.to_feed(wanted, starting)
        stepping = scheduler.beside(wanted, feeding)
        if wanted and not stepping:
            self._stepped_ns = 0
        if leaving or starting or feeding or stepping:
            return partial(self._do, leaving, starting, feeding, stepping)
        self._stepped_ns = 0
        return None

    def wants(self) -> bool:
        scheduler = self._scheduler
        return bool(scheduler.to_speak() or scheduler.to_feed([]) or scheduler.to_step())

    def _do(
        self,
        leaving: list[RunningUtterance],
        starting: RunningUtterance | None,
        feeding: RunningUtterance | None,
        stepping: list[RunningUtterance],
    ) -> None:
        for running in leaving:
            self._leave(running)
            running.on_leave()
        if starting is not None:
            self._guard(starting, self._begin)
        if feeding is not None and feeding.row is not None:
            self._guard(feeding, self._feed)
            if stepping and feeding.decoding:  # its first token needs no step of T3: it is drawn with those of others
                stepping = [*stepping, feeding]
        if stepping:
            self._step(stepping)

    def _leave(self, running: RunningUtterance) -> None:
        row, running.row = running.row, None
        if row is not None:
            self._stage.release(row)

    def _guard(self, running: RunningUtterance, work: Callable[[RunningUtterance], None]) -> None:
        """Catches what the stage raises, which ends one utterance."""
        try:
            work(running)
        except Exception as error:
            self._fail(running, error)
            self._failures.failed(error)

    def _fail(self, running: RunningUtterance, error: Exception) -> None:
        log.error("t3 failed on utterance %s", running.request.id, exc_info=error)
        self._leave(running)
        with self._scheduler.lock:
            if (segment := running.decoding) is not None:
                segment.closed, running.decoding = True, None
                if segment.lacks_tokens:  # the flow would wait for them, and the error behind it
                    running.ledger.entries.clear()
            fail(running, reported(error, "T3"))
            self._scheduler.wakeups.wake(Stage.FLOW, Stage.VOCODER)

    def _begin(self, running: RunningUtterance) -> None:
        """Takes a row for the next speakable piece."""
        running.begun_ns, running.feeding_ns = now_ns(), 0
        running.row = self._stage.begin(
            SegmentJob(
                text=running.pieces[0].text,
                voice=running.voice,
                language=running.accepted.language,
                sampling=running.accepted.sampling,
                seed=running.accepted.seed,
                segment=running.n_segments,
                aligned=running.request.want_alignment,
                tokens=running.place.tokens if running.is_at_its_place else (),
            )
        )

    def _feed(self, running: RunningUtterance) -> None:
        started = now_ns()
        complete = self._stage.feed(running.row)
        ended = now_ns()
        with self._scheduler.lock:
            running.t3_ns += ended - started
            running.feeding_ns += ended - started
            if not complete:
                return
            piece = running.pieces.popleft()
            per_token = running.timing.samples_per_token
            running.decoding = SegmentTokens(
                index=running.n_segments,
                text=piece.segment,
                spoken=piece.text,
                t3_start_ns=running.begun_ns,
                prefill_end_ns=ended,
                busy_ns=running.feeding_ns,
                alignment=SegmentAlignment(piece.words, piece.segment, per_token) if piece.words else None,
                record=SegmentRecord(
                    index=running.n_segments,
                    cut=piece.segment.cut,
                    piece=piece.index,
                    ends_text=piece.is_last,
                    tokens=[] if running.request.want_tokens else None,
                ),
                decided=deque(map(spoken_before, running.place.windows if running.is_at_its_place else ())),
            )
            self._scheduler.estimates.begin_s.add((ended - running.begun_ns) / NS_PER_S)
            running.n_segments += 1
            running.ledger.entries.append(running.decoding)
            self._scheduler.wakeups.wake(Stage.TEXT)

    def _step(self, stepping: list[RunningUtterance]) -> None:
        """Draws one token for every row; a row that stops is given back."""
        started = now_ns()
        try:
            tokens = self._stage.step([running.row for running in stepping])
        except Exception as error:  # of the batch as a whole: nothing tells whose it is
            for running in stepping:
                self._fail(running, error)
            self._failures.failed(error)
            return
        drawn = now_ns()
        with self._scheduler.lock:
            if self._stepped_ns:
                self._scheduler.estimates.token_s.add((drawn - self._stepped_ns) / NS_PER_S)
            self._stepped_ns = drawn if any(token is not None for token in tokens) else 0
            self._scheduler.estimates.step_s.add(len(stepping), (drawn - started) / NS_PER_S)
            share_ns = (drawn - started) // len(stepping)
            wanted = self._flow_looks_always
            for running, token in zip(stepping, tokens, strict=True):
                running.t3_ns += share_ns
                wanted |= self._take(running, token, drawn, share_ns)
            if wanted:
                self._scheduler.wakeups.wake(Stage.FLOW)
        for running, token in zip(stepping, tokens, strict=True):
            if token is None:
                self._leave(running)

    def _take(self, running: RunningUtterance, token: int | None, drawn: int, busy_ns: int) -> bool:
        """Whether the flow waits for this."""
        segment, row = running.decoding, running.row
        if running.cancelled or segment is None or row is None:
            return False
        segment.busy_ns += busy_ns
        if token is not None:
            segment.append(token, drawn)
            running.n_tokens += 1
            if segment.alignment:
                segment.alignment.append(row.attention)
            wanted = running.tokens_wanted  # more than there are when the flow last looked; 0: it has not
            return not wanted or segment.waiting == wanted
        self._failures.worked()
        segment.warning = row.warning
        if segment.alignment:
            segment.alignment.close(complete=not row.warning)
        segment.closed, segment.closed_ns, running.decoding = True, drawn, None
        if not running.pieces:  # now somebody waits for the text thread, which may rest
            self._scheduler.wakeups.wake(Stage.TEXT)
        if segment.lacks_tokens:
            running.ledger.entries.clear()
            fail(
                running, InvalidRequest("config.resume.place.windows", "the segment has fewer tokens than these speak")
            )
            self._scheduler.wakeups.wake(Stage.VOCODER)
        if segment.drawn:
            self._scheduler.estimates.tokens_per_char.add(segment.drawn / len(segment.spoken))
        return True
