"""The vocoder's duty: mel -> audio, and everything that leaves the engine, in order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engine import tracing
from engine.board import Board
from engine.clock import now_ns
from engine.deadlines import NS_PER_S
from engine.jobs import SoundStage, VocoderWork
from engine.messages import Aligned, AudioChunk, ChunkTimings, Event, Failed, Warned
from engine.pipeline.worker import Duty, emit, reported
from engine.running import Running, VocoderJob

log = logging.getLogger(__name__)

SENTENCE_ENDS = tuple(".!?…。！？｡؟۔।॥")


class VocoderDuty(Duty):
    """Owner of the sound stage, and the only one that emits audio, ends and errors."""

    def __init__(self, board: Board, stage: SoundStage) -> None:
        self._board = board
        self._stage = stage

    def take(self) -> Callable[[], None] | None:
        events, job = self._board.settle(), self._board.next_vocoder_job()
        return partial(self._do, events, job) if events or job else None

    def _do(self, events: list[tuple[Running, Event]], job: VocoderJob | None) -> None:
        for running, event in events:
            emit(running, event)
        if job is not None:
            self._guard(job)

    def _guard(self, job: VocoderJob) -> None:
        """Border of the stage: whatever breaks, breaks one utterance."""
        try:
            self._speak(job)
        except Exception as error:
            log.exception("the vocoder failed on utterance %s", job.running.request.id)
            with self._board.changed:
                if job.running.cancelled:  # nobody wants to know, and its id may be another's by now
                    return
                self._board.cancel(job.running.request.id)
            emit(job.running, Failed(error=reported(error, "the vocoder")))

    def _speak(self, job: VocoderJob) -> None:
        running, segment, window = job.running, job.segment, job.window
        started = now_ns()
        before = running.vocoder or self._stage.open(running.accepted.seed)
        if segment.alignment and segment.alignment.first_sample is None:
            segment.alignment.first_sample = running.samples_sent + self._stage.pause(before)
        audio, state = self._stage.run(
            before,
            VocoderWork(
                mel=job.mel,
                segment=segment.index,
                final=window.final,
                ends_sentence=segment.spoken.endswith(SENTENCE_ENDS),
            ),
        )
        ended = now_ns()
        with self._board.changed:
            if running.cancelled:
                return
            running.vocoder = state
            running.mels.popleft()
            running.flow_ns += ended - started
            running.vocoder_ns += ended - started
            if window.n_new:
                self._board.estimates.vocoder_s.add(window.n_new, (ended - started) / NS_PER_S)
            timings = replace(job.timings, vocoder_start_ns=started, vocoder_end_ns=ended)
            chunk = self._chunk(job, audio, timings) if len(audio) else None
            self._board.changed.notify_all()
        if chunk is not None:
            emit(running, chunk)
            tracing.record_window(running.trace, segment, chunk, job.batch)
        if segment.alignment and (words := segment.alignment.words(running.samples_sent, window.final)):
            emit(running, Aligned(words=words))
        if window.final and segment.warning:
            emit(running, Warned(reason="SPEECH_TRUNCATED", message=segment.warning))

    def _chunk(self, job: VocoderJob, audio: NDArray[np.float32], timings: ChunkTimings) -> AudioChunk:
        running = job.running
        first_sample, seq = running.samples_sent, running.n_chunks
        running.n_chunks += 1
        return AudioChunk(
            seq=seq,
            first_sample=first_sample,
            samples=audio,
            timings=timings,
            segment=job.segment.index,
            end_of_segment=job.window.final,
            prebuffer_hint_s=self._board.deadlines.note_audio(running, len(audio), timings.vocoder_end_ns),
        )
