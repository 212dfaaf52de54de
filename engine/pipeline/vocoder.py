"""The vocoder's runner: mel -> audio, the most urgent first and with it those that fit into its batch, and everything
that leaves the engine, in order."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from opentelemetry.context import Context

from engine.clock import now_ns
from engine.device.faults import is_out_of_memory, reported
from engine.messages import Aligned, AudioChunk, ChunkTimings, Event, Failed, Place, SpokenWindow, Warned
from engine.pipeline.breakdown import StageFailures
from engine.pipeline.worker import Runner, Work, together
from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.jobs import SoundStage, VocoderWork
from engine.scheduling.running import RunningUtterance, VocoderJob, emit
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.wakeups import Stage

log = logging.getLogger(__name__)

SENTENCE_ENDS = tuple(".!?…。！？｡؟۔।॥")


@dataclass(frozen=True)
class _Done:
    """A window that has become audio."""

    job: VocoderJob
    audio: NDArray[np.float32]
    state: Any
    batch: tuple[Context, ...]  # parents of the utterances whose mels were run together


class VocoderRunner(Runner):
    """Owner of the sound stage, and the only one that emits audio, ends and errors."""

    stage = Stage.VOCODER

    def __init__(self, scheduler: Scheduler, stage: SoundStage) -> None:
        self._scheduler = scheduler
        self._stage = stage
        self._failures = StageFailures("the vocoder", scheduler)

    def take(self) -> Work | None:
        events, jobs = self._scheduler.settle(), self._scheduler.next_vocoder_jobs()
        return partial(self._do, events, jobs) if events or jobs else None

    def wants(self) -> bool:
        return self._scheduler.in_vocoder

    def _do(self, events: list[tuple[RunningUtterance, Event]], jobs: list[VocoderJob]) -> None:
        for running, event in events:
            emit(running, event)
        if jobs:
            self._speak(together(jobs, self._scheduler.choice.batch_of(jobs[0].window), self._alike))

    def _alike(self, job: VocoderJob) -> Hashable:
        return self._stage.alike(self._state(job), _work(job))

    def _state(self, job: VocoderJob) -> Any:
        running = job.running
        place = running.place
        return running.vocoder or self._stage.open(
            running.voice, running.accepted.seed, running.timing.speaking_rate, place.speech_samples, place.owed_pause
        )

    def _speak(self, jobs: list[VocoderJob], *, again: bool = True) -> None:
        """Catches what the stage raises, which ends one utterance. The pieces of a failed batch are tried alone, and
        `again`, once, what found no memory."""
        try:
            done = self._run(jobs)
        except Exception as error:
            if len(jobs) == 1 and not (again and is_out_of_memory(error)):
                self._fail(jobs[0].running, error)
                return
            for job in jobs:
                self._speak([job], again=len(jobs) > 1)
            return
        for one in done:
            try:
                self._hand_over(one)
            except Exception as error:
                self._fail(one.job.running, error)

    def _fail(self, running: RunningUtterance, error: Exception) -> None:
        """Called where the error is handled, so that the log has its traceback."""
        log.exception("the vocoder failed on utterance %s", running.request.id)
        with self._scheduler.lock:
            if running.cancelled:  # nobody wants to know, and its id may be another's by now
                return
            self._scheduler.cancel(running.request.id)
        emit(running, Failed(error=reported(error, "the vocoder")))
        self._failures.failed(error)

    def _run(self, jobs: list[VocoderJob]) -> list[_Done]:
        states = [self._state(job) for job in jobs]
        for job, state in zip(jobs, states, strict=True):
            if not job.segment.record.begun:
                self._begin(job, self._stage.pause(state, _work(job)))
        started = now_ns()
        done = self._stage.run(states, [_work(job) for job in jobs])
        ended = now_ns()
        if sound := sum(job.window.n_new / job.running.timing.speaking_rate for job in jobs):  # in tokens at rate 1
            with self._scheduler.lock:
                self._scheduler.estimates.vocoder_s.add(sound, (ended - started) / NS_PER_S)
                self._scheduler.estimates.vocoder_batch.add(len(jobs))
        batch = tuple(job.running.trace.context for job in jobs)

        def stamped(timings: ChunkTimings) -> ChunkTimings:
            return replace(timings, vocoder_start_ns=started, vocoder_end_ns=ended, vocoder_batch=len(jobs))

        return [
            _Done(replace(job, timings=stamped(job.timings)), audio, state, batch)
            for job, (audio, state) in zip(jobs, done, strict=True)
        ]

    def _begin(self, job: VocoderJob, pause: int) -> None:
        running, segment = job.running, job.segment
        segment.record.begin(running.samples_sent, running.samples_sent - running.silent_samples, pause)
        running.silent_samples += pause
        if segment.alignment:
            segment.alignment.first_sample = running.samples_sent + pause

    def _hand_over(self, done: _Done) -> None:
        """Replaces the state and lets the audio leave, unless nobody wants it any more."""
        job, running, segment, final = done.job, done.job.running, done.job.segment, done.job.window.final
        took_ns = (job.timings.vocoder_end_ns - job.timings.vocoder_start_ns) // len(done.batch)
        with self._scheduler.lock:
            if running.cancelled:
                return
            running.vocoder = done.state
            running.mels.popleft()
            if final:
                self._failures.worked()
            running.flow_ns += took_ns
            running.vocoder_ns += took_ns
            chunk = self._chunk(done)
            if len(done.audio) < job.window.n_new * running.timing.samples_per_token:
                self._scheduler.find_room(running)
            if self._scheduler.config.sequential:
                self._scheduler.wakeups.wake(Stage.FLOW, Stage.T3)
        if chunk is not None:
            emit(running, chunk)
            running.trace.window(segment, chunk, job.batch, done.batch)
        if segment.alignment and (words := segment.alignment.words(running.samples_sent, final)):
            emit(running, Aligned(words=words))
        if final and segment.warning:
            emit(running, Warned(reason="SPEECH_TRUNCATED", message=segment.warning))

    def _chunk(self, done: _Done) -> AudioChunk | None:
        """What of the audio its listener does not have; None: nothing."""
        job, running, segment, timings = done.job, done.job.running, done.job.segment, done.job.timings
        window = job.window
        segment.record.add(SpokenWindow(window.n_new, window.lookahead, window.final))
        dropped = min(running.samples_to_drop, len(done.audio))
        running.samples_sent += dropped
        audio = done.audio[dropped:]
        if not len(audio):
            return None
        first_sample, seq = running.samples_sent, running.n_chunks
        running.n_chunks += 1
        self._scheduler.look()
        deadlines, text_ns = self._scheduler.deadlines, timings.text_cut_ns
        hint_s = deadlines.note_audio(running, len(audio), timings.vocoder_end_ns, text_ns)
        return AudioChunk(
            seq=seq,
            first_sample=first_sample,
            samples=audio,
            timings=timings,
            segment=segment.index,
            end_of_segment=window.final,
            text_begin=segment.text.begin,
            text_end=segment.text.end,
            prebuffer_hint_s=hint_s,
            place=self._place_behind(done) if window.final else segment.record.place(),
        )

    def _place_behind(self, done: _Done) -> Place:
        """Of the pauses that its text asks for behind it, the next segment's record does not know."""
        running, record = done.job.running, done.job.segment.record
        owed = replace(_work(done.job), pause_s=record.cut.pause_s if record.ends_text else 0.0)
        return record.place_behind(
            running.samples_sent, running.samples_sent - running.silent_samples, self._stage.pause(done.state, owed)
        )


def _work(job: VocoderJob) -> VocoderWork:
    return VocoderWork(
        mel=job.mel,
        segment=job.segment.index,
        final=job.window.final,
        ends_sentence=job.segment.spoken.endswith(SENTENCE_ENDS),
        pause_s=job.segment.text.pause_s,
    )
