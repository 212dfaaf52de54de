"""The flow's runner: speech tokens -> mel, the most urgent window first and with it those that fit into its batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import Any

from engine.clock import now_ns
from engine.device.faults import is_out_of_memory, reported
from engine.messages import ChunkTimings
from engine.pipeline.breakdown import StageFailures
from engine.pipeline.worker import Runner, Work, together
from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.jobs import FlowWork, MelStage
from engine.scheduling.running import FlowJob, Proposal, RunningUtterance, VocoderJob, fail
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.wakeups import Stage

log = logging.getLogger(__name__)


class FlowRunner(Runner):
    """Owner of the mel stage: runs windows and commits them."""

    stage = Stage.FLOW

    def __init__(self, scheduler: Scheduler, stage: MelStage) -> None:
        self._scheduler = scheduler
        self._stage = stage
        self._failures = StageFailures("the flow", scheduler)
        self._taken_ns = 0  # when what it runs was looked for

    def take(self) -> Work | float | None:
        scheduler, self._taken_ns = self._scheduler, now_ns()
        jobs, wait_s = scheduler.next_flow_jobs(self._taken_ns)
        if jobs:
            scheduler.flow_busy = True
            return partial(self._speak, jobs)
        if proposed := scheduler.next_proposal():
            return partial(self._guard, [proposed], self._propose)
        if scheduler.config.sequential:
            scheduler.wakeups.wake(Stage.T3)  # it may rest for a window whose time has passed
        return wait_s

    def wants(self) -> bool:
        return bool(self._scheduler.next_flow_jobs(now_ns())[0])

    def _speak(self, jobs: list[FlowJob]) -> None:
        self._guard(self._batch(jobs), self._commit_all)
        with self._scheduler.lock:
            self._scheduler.flow_busy = False
            if self._scheduler.config.sequential:  # else the commit has woken it
                self._scheduler.wakeups.wake(Stage.T3)

    def _batch(self, jobs: list[FlowJob]) -> list[FlowJob]:
        """The most urgent window, and those that can be run with it."""
        first, *others = jobs
        if _has_proposal(first):
            return [first]
        others = [job for job in others if not _has_proposal(job)]
        return together([first, *others], self._scheduler.choice.batch_of(first.window), self._alike)

    def _alike(self, job: FlowJob) -> Hashable:
        return self._stage.alike(self._state(job), _work(job))

    def _state(self, job: FlowJob) -> Any:
        running = job.running
        return running.flow or self._stage.open(running.voice, running.accepted.seed)

    def _guard(self, jobs: list[FlowJob], work: Callable[[list[FlowJob]], None], *, again: bool = True) -> None:
        """Catches what the stage raises, which ends one utterance. The windows of a failed batch are tried alone, and
        `again`, once, what found no memory."""
        try:
            work(jobs)
        except Exception as error:
            if len(jobs) > 1 or (again and is_out_of_memory(error)):
                for job in jobs:
                    self._guard([job], work, again=len(jobs) > 1)
                return
            running = jobs[0].running
            log.exception("the flow failed on utterance %s", running.request.id)
            with self._scheduler.lock:
                running.ledger.entries.clear()
                fail(running, reported(error, "the flow"))
                self._scheduler.wakeups.wake(Stage.T3, Stage.VOCODER)
            self._failures.failed(error)

    def _commit_all(self, jobs: list[FlowJob]) -> None:
        """Takes windows that were proposed before as they are, and runs the others now."""
        proposal = jobs[0].running.proposal
        done = [proposal] if proposal is not None and proposal.is_for(jobs[0]) else self._run_windows(jobs)
        with self._scheduler.lock:
            for one in done:
                self._discard(one.job.running, one)
                self._commit(one)
            self._scheduler.wakeups.wake(Stage.T3, Stage.VOCODER)

    def _propose(self, jobs: list[FlowJob]) -> None:
        (proposal,) = self._run_windows(jobs, speculative=True)
        running = proposal.job.running
        with self._scheduler.lock:
            self._discard(running, proposal)
            running.proposal = None if running.cancelled else proposal

    def _discard(self, running: RunningUtterance, instead: Proposal) -> None:
        """Counts a proposal that is not `instead` as discarded, and shows it in the trace."""
        dropped, running.proposal = running.proposal, None
        if dropped is not None and dropped is not instead:
            running.n_discarded += 1
            running.trace.discarded(dropped.job.segment.index, dropped.timings)

    def _run_windows(self, jobs: list[FlowJob], *, speculative: bool = False) -> list[Proposal]:
        started = now_ns()
        done = self._stage.run([self._state(job) for job in jobs], [_work(job) for job in jobs])
        ended = now_ns()
        with self._scheduler.lock:
            self._scheduler.choice.ran_ns = started
            estimates = self._scheduler.estimates
            if n_new := sum(job.window.n_new for job in jobs):
                estimates.flow_s.add(n_new, (ended - self._taken_ns) / NS_PER_S)
                estimates.flow_batch.add(len(jobs))
            for job in jobs:
                job.running.flow_ns += (ended - started) // len(jobs)
        batch = tuple(job.running.trace.context for job in jobs)
        return [
            Proposal(job, mel, state, _timings(job, started, ended, len(jobs), speculative), batch)
            for job, (mel, state) in zip(jobs, done, strict=True)
        ]

    def _commit(self, done: Proposal) -> None:
        """Replaces the state and hands the mel on, unless nobody wants it any more."""
        running, segment, window = done.job.running, done.job.segment, done.job.window
        if running.cancelled:
            return
        running.flow = done.state
        seen = window.n_new + window.lookahead
        timings = replace(
            done.timings,
            t3_first_token_ns=segment.drawn_ns(0),
            t3_last_token_ns=segment.complete_ns(seen, window.final),
            t3_busy_ns=segment.take_busy_ns(seen, window.final),
            room_ns=running.room_ns,
            wanted_ns=running.wanted_ns,
        )
        running.room_ns = running.wanted_ns = running.look_again_ns = 0
        segment.advance(window.n_new)
        if segment.decided:
            segment.decided.popleft()
        running.n_windows += 1
        running.segment_windows += 1
        running.mels.append(VocoderJob(running, segment, window, done.mel, timings, done.batch))
        if window.final:
            self._failures.worked()
            running.ledger.entries.popleft()
            running.segment_windows = running.tokens_wanted = 0
        self._scheduler.pass_on(running)


def _work(job: FlowJob) -> FlowWork:
    return FlowWork(tokens=job.tokens, n_new=job.window.n_new, segment=job.segment.index, final=job.window.final)


def _has_proposal(job: FlowJob) -> bool:
    proposal = job.running.proposal  # who cancels it, on any thread, takes it away
    return proposal is not None and proposal.is_for(job)


def _timings(job: FlowJob, started: int, ended: int, batch: int, speculative: bool) -> ChunkTimings:
    text = job.segment.text
    return ChunkTimings(
        text_received_ns=text.received_ns,
        text_cut_ns=text.cut_ns,
        t3_start_ns=job.segment.t3_start_ns,
        flow_start_ns=started,
        flow_end_ns=ended,
        flow_batch=batch,
        window_tokens=job.window.n_new,
        lookahead_tokens=job.window.lookahead,
        speculative=speculative,
    )
