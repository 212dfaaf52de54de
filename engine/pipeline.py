"""The two workers: `t3` turns text into speech tokens, `flow` turns tokens into audio. They meet only on the board.

T3 never waits for the flow, except when an utterance's ledger is full; the flow never waits for more than one window
with its lookahead. Both wait on the board's condition; an exception of one utterance ends that utterance alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import tracing
from engine.board import Board, FlowJob, Running, Spoken
from engine.clock import now_ns
from engine.errors import GaplessError, UtteranceFailed
from engine.jobs import AudioStage, AudioWindow, SegmentJob, TokenStage
from engine.ledger import FlushMark, SegmentTokens
from engine.messages import AudioChunk, ChunkTimings, Event, Failed, Warned

log = logging.getLogger(__name__)


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
        self._on_start()
        while self._turn():
            pass

    def _turn(self) -> bool:
        raise NotImplementedError


class T3Worker(Worker):
    """Owner of the token stage: of T3, its rows and its caches."""

    def __init__(self, board: Board, stage: TokenStage, on_start: Callable[[], None]) -> None:
        super().__init__("t3", board, on_start)
        self._stage = stage

    def _turn(self) -> bool:
        board = self._board
        with board.changed:
            while True:
                now = now_ns()
                board.cut_overdue(now)
                leaving, starting, stepping = board.take_leaving(), board.to_speak(), board.to_step()
                if leaving or starting or stepping or board.closed:
                    break
                next_cut = board.next_cut_ns()
                board.changed.wait(None if next_cut is None else max(0, next_cut - now) / 1e9)
        for running in leaving:
            self._leave(running)
        if starting is not None:
            self._guard(starting, self._begin)
        for running in stepping:
            self._guard(running, self._step)
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
            log.exception("t3 failed on utterance %s", running.request.id)
            self._leave(running)
            with self._board.changed:
                if running.decoding is not None:
                    running.decoding.closed, running.decoding = True, None
                running.error = error if isinstance(error, GaplessError) else UtteranceFailed(f"T3 failed: {error}")
                self._board.changed.notify_all()

    def _begin(self, running: Running) -> None:
        """Makes the next text speakable, or begins the next speakable piece."""
        if not running.pieces:
            text = running.texts[0]  # it stays there until what follows from it stands in its place
            spoken = [] if isinstance(text, FlushMark) else [Spoken(text, p) for p in self._stage.speakable(text.text)]
            with self._board.changed:
                running.texts.popleft()
                running.pieces += spoken
                if isinstance(text, FlushMark):
                    running.ledger.entries.append(text)
                self._board.changed.notify_all()
            return
        started = now_ns()
        piece = running.pieces[0]
        job = SegmentJob(
            text=piece.text,
            voice=running.accepted.voice,
            sampling=running.accepted.sampling,
            seed=running.accepted.seed,
            segment=running.n_segments,
        )
        running.row = self._stage.prefill(job)
        with self._board.changed:
            running.pieces.popleft()
            segment = SegmentTokens(
                index=running.n_segments,
                text=piece.segment,
                spoken=piece.text,
                t3_start_ns=started,
                prefill_end_ns=now_ns(),
            )
            running.n_segments += 1
            running.t3_ns += segment.prefill_end_ns - started
            running.decoding = segment
            running.ledger.entries.append(segment)
            self._board.changed.notify_all()

    def _step(self, running: Running) -> None:
        started = now_ns()
        token = self._stage.step(running.row)
        drawn = now_ns()
        with self._board.changed:
            segment = running.decoding
            if running.cancelled or segment is None:
                return
            running.t3_ns += drawn - started
            if token is None:
                segment.warning = running.row.warning if running.row else ""
                segment.closed, running.decoding = True, None
            else:
                segment.append(token, drawn)
                running.n_tokens += 1
            self._board.changed.notify_all()
        if token is None:
            self._leave(running)


class FlowWorker(Worker):
    """Owner of the audio stage, and the only one that emits audio, ends and errors."""

    def __init__(self, board: Board, stage: AudioStage, on_start: Callable[[], None]) -> None:
        super().__init__("flow", board, on_start)
        self._stage = stage

    def _turn(self) -> bool:
        board = self._board
        with board.changed:
            while True:
                events, job = board.settle(), board.next_flow_job()
                if events or job or board.closed:
                    break
                board.changed.wait()
        for running, event in events:
            _emit(running, event)
        if job is not None:
            self._guard(job)
        return not board.closed

    def _guard(self, job: FlowJob) -> None:
        """Border of the worker: whatever breaks, breaks one utterance."""
        try:
            self._speak(job)
        except Exception as error:
            log.exception("flow failed on utterance %s", job.running.request.id)
            failed = error if isinstance(error, GaplessError) else UtteranceFailed(f"flow failed: {error}")
            self._board.cancel(job.running.request.id)
            _emit(job.running, Failed(error=failed))

    def _speak(self, job: FlowJob) -> None:
        running, segment, window = job.running, job.segment, job.window
        started = now_ns()
        accepted = running.accepted
        state = running.audio or self._stage.open(accepted.voice, accepted.seed)
        work = AudioWindow(
            tokens=tuple(segment.peek(window.n_new + window.lookahead)),
            n_new=window.n_new,
            segment=segment.index,
            first=running.segment_windows == 0,
            final=window.final,
            ends_sentence=segment.spoken.endswith((".", "!", "?")),
        )
        audio, state, flow_end = self._stage.window(state, work)
        finished = now_ns()
        timings = ChunkTimings(
            text_received_ns=segment.text.received_ns,
            t3_start_ns=segment.t3_start_ns,
            t3_first_token_ns=segment.drawn_ns(0),
            t3_last_token_ns=segment.drawn_ns(len(work.tokens) - 1),
            flow_start_ns=started,
            flow_end_ns=flow_end,
            vocoder_end_ns=finished,
            window_tokens=window.n_new,
            lookahead_tokens=window.lookahead,
        )
        with self._board.changed:
            chunk = self._commit(job, audio, state, timings)
            self._board.changed.notify_all()
        if chunk is not None:
            _emit(running, chunk)
            tracing.record_window(running.trace, segment, chunk)
        if window.final and segment.warning:
            _emit(running, Warned(reason="SPEECH_TRUNCATED", message=segment.warning))

    def _commit(self, job: FlowJob, audio: NDArray[np.float32], state: Any, timings: ChunkTimings) -> AudioChunk | None:
        """Replaces the state and accounts for the audio; None if nobody wants it any more, or nothing came out."""
        running, window = job.running, job.window
        if running.cancelled:
            return None
        running.audio = state
        running.flow_ns += timings.vocoder_end_ns - timings.flow_start_ns
        job.segment.advance(window.n_new)
        running.n_windows += 1
        running.segment_windows += 1
        if window.final:
            running.ledger.entries.popleft()
            running.segment_windows = 0
        if not len(audio):
            return None
        chunk = AudioChunk(
            seq=running.n_chunks,
            first_sample=running.samples_sent,
            samples=audio,
            timings=timings,
            segment=job.segment.index,
            end_of_segment=window.final,
        )
        running.n_chunks += 1
        running.samples_sent += len(audio)
        running.samples_unreleased += len(audio)
        running.first_chunk_ns = running.first_chunk_ns or timings.vocoder_end_ns
        return chunk


def _emit(running: Running, event: Event) -> None:
    if not running.cancelled or not isinstance(event, AudioChunk | Warned):
        running.sink(event)
