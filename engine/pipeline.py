"""The two workers: `t3` turns text into speech tokens, `flow` turns tokens into audio. They meet only on the board.

T3 never waits for the flow, except when an utterance's ledger is full; the flow never waits for more than one window
with its lookahead. Both wait on the board's condition; an exception of one utterance ends that utterance alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from engine import tracing
from engine.board import NS_PER_S, Board, FlowJob, Proposal, Running, Spoken
from engine.clock import now_ns
from engine.errors import GaplessError, UtteranceFailed
from engine.jobs import AudioStage, AudioWindow, SegmentJob, TokenStage
from engine.ledger import FlushMark, SegmentTokens
from engine.messages import AudioChunk, ChunkTimings, Event, Failed, Warned
from engine.text.segmenter import TextSegment

log = logging.getLogger(__name__)

SENTENCE_ENDS = tuple(".!?…。！？｡؟۔।॥")


class Worker:
    """A named thread that runs `_turn` until the board closes."""

    def __init__(self, name: str, board: Board, on_start: Callable[[], None]) -> None:
        self._board = board
        self._on_start = on_start
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        """A worker that breaks takes the board with it: nobody is to wait for one that is gone."""
        try:
            self._on_start()
            while self._turn():
                pass
        except Exception as error:
            log.exception("the %s thread broke", self._thread.name)
            for running in self._board.close():
                _emit(running, Failed(error=UtteranceFailed(f"the engine broke: {error}")))

    def _turn(self) -> bool:
        raise NotImplementedError


class T3Worker(Worker):
    """Owner of the token stage: of T3, its rows and its caches."""

    def __init__(self, board: Board, stage: TokenStage, on_start: Callable[[], None]) -> None:
        super().__init__("t3", board, on_start)
        self._stage = stage
        self._stepped_ns = 0  # when the last step ended, if somebody goes on from it and nothing was waited for since

    def _turn(self) -> bool:
        board = self._board
        with board.changed:
            while True:
                now = now_ns()
                board.cut_overdue(now)
                leaving, starting, feeding, stepping = (
                    board.take_leaving(), board.to_speak(), board.to_feed(), board.to_step()
                )  # fmt: skip
                if leaving or starting or feeding or stepping or board.closed:
                    break
                self._stepped_ns = 0
                next_cut = board.next_cut_ns()
                board.changed.wait(None if next_cut is None else max(0, next_cut - now) / NS_PER_S)
        for running in leaving:
            self._leave(running)
            running.on_leave()
        if starting is not None:
            self._guard(starting, self._begin)
        if feeding is not None:
            self._guard(feeding, self._feed)
        if stepping:
            self._step(stepping)
        return not (board.closed and not leaving)

    def _leave(self, running: Running) -> None:
        row, running.row = running.row, None
        if row is not None:
            self._stage.release(row)

    def _guard(self, running: Running, work: Callable[[Running], None]) -> None:
        """Border of the worker: whatever breaks, breaks one utterance."""
        try:
            work(running)
        except Exception as error:
            self._fail(running, error)

    def _fail(self, running: Running, error: Exception) -> None:
        log.error("t3 failed on utterance %s", running.request.id, exc_info=error)
        self._leave(running)
        with self._board.changed:
            if running.decoding is not None:
                running.decoding.closed, running.decoding = True, None
            running.error = error if isinstance(error, GaplessError) else UtteranceFailed(f"T3 failed: {error}")
            self._board.changed.notify_all()

    def _begin(self, running: Running) -> None:
        """Makes the next text speakable, or takes a row for the next speakable piece."""
        if running.pieces:
            running.begun_ns, running.feeding_ns = now_ns(), 0
            running.row = self._stage.begin(
                SegmentJob(
                    text=running.pieces[0].text,
                    voice=running.voice,
                    language=running.accepted.language,
                    sampling=running.accepted.sampling,
                    seed=running.accepted.seed,
                    segment=running.n_segments,
                )
            )
            return
        text = running.texts[0]  # it stays there until what follows from it stands in its place
        spoken = [] if isinstance(text, FlushMark) else self._pieces(running, text)
        with self._board.changed:
            running.texts.popleft()
            running.pieces += spoken
            if isinstance(text, FlushMark):
                running.ledger.entries.append(text)
            self._board.changed.notify_all()

    def _pieces(self, running: Running, text: TextSegment) -> list[Spoken]:
        return [Spoken(text, piece) for piece in self._stage.speakable(text.text, running.accepted.language)]

    def _feed(self, running: Running) -> None:
        started = now_ns()
        complete = self._stage.feed(running.row)
        ended = now_ns()
        with self._board.changed:
            running.t3_ns += ended - started
            running.feeding_ns += ended - started
            running.fed_ns = ended
            if not complete:
                return
            piece = running.pieces.popleft()
            running.decoding = SegmentTokens(
                index=running.n_segments,
                text=piece.segment,
                spoken=piece.text,
                t3_start_ns=running.begun_ns,
                prefill_end_ns=ended,
                busy_ns=running.feeding_ns,
            )
            self._board.estimates.begin_s.add((ended - running.begun_ns) / NS_PER_S)
            running.n_segments += 1
            running.ledger.entries.append(running.decoding)
            self._board.changed.notify_all()

    def _step(self, stepping: list[Running]) -> None:
        """One token for everyone; who stops or breaks gives back its row."""
        started = now_ns()
        try:
            tokens = self._stage.step([running.row for running in stepping])
        except Exception as error:  # of the batch as a whole: nothing tells whose it is
            for running in stepping:
                self._fail(running, error)
            return
        drawn = now_ns()
        with self._board.changed:
            if self._stepped_ns:
                self._board.estimates.token_s.add((drawn - self._stepped_ns) / NS_PER_S)
            self._stepped_ns = drawn if any(token is not None for token in tokens) else 0
            share_ns = (drawn - started) // len(stepping)
            for running, token in zip(stepping, tokens, strict=True):
                running.t3_ns += share_ns
                self._take(running, token, drawn, share_ns)
            self._board.changed.notify_all()
        for running, token in zip(stepping, tokens, strict=True):
            if token is None:
                broke = running.row.error if running.row else None
                if broke is None:
                    self._leave(running)
                else:
                    self._fail(running, broke)

    def _take(self, running: Running, token: int | None, drawn: int, busy_ns: int) -> None:
        segment, row = running.decoding, running.row
        if running.cancelled or segment is None or row is None:
            return
        segment.busy_ns += busy_ns
        if token is not None:
            segment.append(token, drawn)
            running.n_tokens += 1
        elif row.error is None:
            segment.warning = row.warning
            segment.closed, segment.closed_ns, running.decoding = True, drawn, None
            if segment.drawn:
                self._board.estimates.tokens_per_char.add(segment.drawn / len(segment.spoken))


class FlowWorker(Worker):
    """Owner of the audio stage, and the only one that emits audio, ends and errors."""

    def __init__(self, board: Board, stage: AudioStage, on_start: Callable[[], None]) -> None:
        super().__init__("flow", board, on_start)
        self._stage = stage
        self._worked_ns = 0  # when the last window ended

    def _turn(self) -> bool:
        board = self._board
        with board.changed:
            while True:
                events = board.settle()
                job, wait_s = board.next_flow_job(now_ns())
                proposed = None if job or events else board.next_proposal()
                if events or job or proposed or board.closed:
                    break
                if board.config.sequential:
                    board.changed.notify_all()  # T3 may rest for a window whose time has passed
                board.changed.wait(wait_s)
            board.flow_busy = job is not None
        for running, event in events:
            _emit(running, event)
        if job is not None:
            self._guard(job, self._speak)
        elif proposed is not None:
            self._guard(proposed, self._propose)
        return not board.closed

    def _guard(self, job: FlowJob, work: Callable[[FlowJob], None]) -> None:
        """Border of the worker: whatever breaks, breaks one utterance."""
        try:
            work(job)
        except Exception as error:
            log.exception("flow failed on utterance %s", job.running.request.id)
            failed = error if isinstance(error, GaplessError) else UtteranceFailed(f"flow failed: {error}")
            with self._board.changed:
                self._board.flow_busy = False
                if job.running.cancelled:  # nobody wants to know, and its id may be another's by now
                    return
                self._board.cancel(job.running.request.id)
            _emit(job.running, Failed(error=failed))

    def _speak(self, job: FlowJob) -> None:
        """Commits a window: the one that was proposed, if it was this one, else it is run now."""
        running, proposal = job.running, job.running.proposal
        done = proposal if proposal is not None and proposal.is_for(job) else self._run_window(job)
        with self._board.changed:
            self._board.flow_busy = False
            self._discard(running, done)
            chunk = self._commit(done)
            self._board.changed.notify_all()
        if chunk is not None:
            _emit(running, chunk)
            tracing.record_window(running.trace, job.segment, chunk)
        if job.window.final and job.segment.warning:
            _emit(running, Warned(reason="SPEECH_TRUNCATED", message=job.segment.warning))

    def _propose(self, job: FlowJob) -> None:
        proposal = self._run_window(job, speculative=True)
        with self._board.changed:
            self._discard(job.running, proposal)
            job.running.proposal = proposal

    def _discard(self, running: Running, instead: Proposal) -> None:
        """A proposal that is not `instead` came to nothing: counted, and visible in the trace."""
        dropped, running.proposal = running.proposal, None
        if dropped is not None and dropped is not instead:
            running.n_discarded += 1
            tracing.record_discarded(running.trace, dropped.job.segment.index, dropped.timings)

    def _run_window(self, job: FlowJob, *, speculative: bool = False) -> Proposal:
        running, segment, window = job.running, job.segment, job.window
        started = now_ns()
        with self._board.changed:
            tokens = tuple(segment.peek(window.n_new + window.lookahead))
        work = AudioWindow(
            tokens=tokens,
            n_new=window.n_new,
            segment=segment.index,
            first=running.segment_windows == 0,
            final=window.final,
            ends_sentence=segment.spoken.endswith(SENTENCE_ENDS),
        )
        state = running.audio or self._stage.open(running.voice, running.accepted.seed)
        audio, state, flow_end = self._stage.window(state, work)
        timings = ChunkTimings(
            text_received_ns=segment.text.received_ns,
            text_cut_ns=segment.text.cut_ns,
            t3_start_ns=segment.t3_start_ns,
            flow_start_ns=started,
            flow_end_ns=flow_end,
            vocoder_end_ns=now_ns(),
            window_tokens=window.n_new,
            lookahead_tokens=window.lookahead,
            speculative=speculative,
        )
        cost_ns = timings.vocoder_end_ns - started
        with self._board.changed:
            estimates = self._board.estimates
            running.flow_ns += cost_ns
            if window.n_new:
                estimates.window_s.add(window.n_new, cost_ns / NS_PER_S)
            estimates.flow_load.add(cost_ns / max(cost_ns, timings.vocoder_end_ns - self._worked_ns))
            self._worked_ns = timings.vocoder_end_ns
        return Proposal(job, audio, state, timings)

    def _commit(self, done: Proposal) -> AudioChunk | None:
        """Replaces the state and accounts for the audio; None if nobody wants it any more, or nothing came out."""
        running, segment, window = done.job.running, done.job.segment, done.job.window
        if running.cancelled:
            return None
        running.audio = done.state
        seen = window.n_new + window.lookahead
        timings = replace(
            done.timings,
            t3_first_token_ns=segment.drawn_ns(0),
            t3_last_token_ns=segment.complete_ns(seen, window.final),
            t3_busy_ns=segment.take_busy_ns(seen, window.final),
            room_ns=running.room_ns,
            wanted_ns=running.wanted_ns,
        )
        running.room_ns = running.wanted_ns = 0
        segment.advance(window.n_new)
        running.n_windows += 1
        running.segment_windows += 1
        if window.final:
            running.ledger.entries.popleft()
            running.segment_windows = 0
        if not len(done.audio):
            return None
        ready_ns = now_ns() if done.timings.speculative else done.timings.vocoder_end_ns
        chunk = AudioChunk(
            seq=running.n_chunks,
            first_sample=running.samples_sent,
            samples=done.audio,
            timings=timings,
            segment=segment.index,
            end_of_segment=window.final,
            prebuffer_hint_s=self._board.note_audio(running, len(done.audio), ready_ns),
        )
        running.n_chunks += 1
        return chunk


def _emit(running: Running, event: Event) -> None:
    if not running.cancelled or not isinstance(event, AudioChunk | Warned):
        running.sink(event)
