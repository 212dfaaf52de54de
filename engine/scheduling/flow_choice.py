"""Which windows the flow runs next, of all utterances that have tokens for one.

Earliest deadline first: in the order in which their listeners run out of audio. Two exceptions, both only where they
make nobody late:

- a first window goes before the windows of listeners who already hear something: it is small, and theirs are large;
- where nobody is in a hurry, windows wait for others, so that many run as one batch. Each call of the flow has a fixed
  cost, on the device and in Python.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Sequence

from engine.scheduling import windows
from engine.scheduling.config import SchedulerConfig
from engine.scheduling.contention import due_ns
from engine.scheduling.deadlines import NS_PER_S, Deadlines
from engine.scheduling.estimates import Estimates
from engine.scheduling.glance import Glance
from engine.scheduling.ledger import SegmentTokens
from engine.scheduling.running import FlowJob, RunningUtterance
from engine.scheduling.windows import SegmentStatus, Window, deadline_window, ladder_window, tokens_wanted

LOOK_AGAIN_S = 0.02  # at the latest, where tokens come that make a window larger and so longer
CANDIDATES = 2  # times a batch: so many utterances are looked at behind the first window, for those alike to it
AT_ITS_END = 2  # tokens expected of a segment that may stop any moment
COLLECT_S = 0.03  # from one run to the next, where nobody is in a hurry
IN_NO_HURRY_NS = 250_000_000  # of audio that the most urgent listener must have then

Head = tuple[RunningUtterance, SegmentTokens]
"""An utterance and the segment whose turn it is."""

Found = tuple[RunningUtterance, SegmentTokens, Window]
"""And the window that should be run."""


class FlowChoice:
    """Its methods want the scheduler's lock held."""

    def __init__(self, config: SchedulerConfig, deadlines: Deadlines, estimates: Estimates) -> None:
        self.config = config
        self._deadlines = deadlines
        self._estimates = estimates
        self.ran_ns = 0  # when the flow last began
        self._collects_until_ns = 0

    def jobs(self, heads: Sequence[Head], now: int, running: int) -> tuple[list[FlowJob], float | None]:
        """The most urgent window that should be run now and others like it, in order, and in how many seconds another
        one may be. `running`: utterances, those included that have no tokens."""
        if (company_s := (self._collects_until_ns - now) / NS_PER_S) > 0 and not self._hurries(heads, now):
            return [], company_s
        found, wait_s = self._found(heads, now, running)
        if found and (company_s := min(wait_s, self._company_s(found, now, running))) > 0:
            self._collects_until_ns = now + round(company_s * NS_PER_S)
            return [], company_s
        alike = [(one, head, window) for one, head, window in found if _kind(one, window) == _kind(*found[0][::2])]
        return [_job(*each) for each in alike], wait_s if wait_s < math.inf else None

    def _found(self, heads: Sequence[Head], now: int, running: int) -> tuple[list[Found], float]:
        """Windows that should be run now, in order, and in how many seconds another one may be."""
        looked_at, wait_s = _looked_at(heads, now)
        if not looked_at:
            return [], wait_s
        looked_at.sort(key=_due)
        deadlines_ns = sorted([due_ns(one) for one, _ in heads])
        glances: dict[float, Glance] = {}  # by pace
        first_ones: list[Found] = []
        others: list[Found] = []
        looks = len(heads)
        for one, head in looked_at:
            if (order := bisect_left(deadlines_ns, due_ns(one))) > looks:
                break
            if (glance := glances.get(one.timing.pace)) is None:
                machine = self._deadlines.machine_at(one.timing.pace)
                glance = glances[one.timing.pace] = Glance(machine, one.timing, now, deadlines_ns, running > 1)
            window = self._window(one, head, order, glance)
            if window is None:
                continue
            if isinstance(window, float):
                again_s = window if head.closed else min(window, LOOK_AGAIN_S)
                wait_s = min(wait_s, again_s)
                one.tokens_wanted = glance.full if head.waiting < glance.full else sys.maxsize
                one.wanted_ns = now + round(window * NS_PER_S)
                one.look_again_ns = now + round(again_s * NS_PER_S)
            elif self._finds_room(one, window):
                one.tokens_wanted = head.waiting  # and no more: nothing but its turn, or company, is waited for
                if not (first_ones or others):
                    looks = order + CANDIDATES * self.batch_of(window)
                (first_ones if glance.lets_go_first(one, window, order) else others).append((one, head, window))
            else:
                one.tokens_wanted = sys.maxsize
        return first_ones + others, wait_s

    def batch_of(self, window: Window) -> int:
        """How many windows like this one may be run together."""
        most, tokens = self.config.max_batch, self.config.batch_tokens
        if most == 1 or self._estimates.flow_is_full:
            return most
        if tokens is None:
            return max(1, min(most, self._in_time(window)))
        return max(1, min(most, tokens // max(1, window.n_new)))

    def _in_time(self, window: Window) -> int:
        """How many take no longer than the margin by which every chunk is planned to be early: so a batch that has
        just begun makes nobody late, and no first window waits longer than that."""
        flow_s = self._deadlines.machine.flow_s
        each_s = flow_s(min(window.n_new, self.config.timing.largest)) - flow_s(0)
        return int((windows.SLACK_S - flow_s(0)) / each_s) if each_s > 0 else self.config.max_batch

    def _company_s(self, found: Sequence[Found], now: int, running: int) -> float:
        """How long the most urgent window may wait for others that could be run with it."""
        wait_s = COLLECT_S - (now - self.ran_ns) / NS_PER_S
        one, _, window = found[0]
        if wait_s <= 0 or running == 1 or not self._gains_by_company or self._estimates.flow_is_full:
            return 0.0
        if not one.first_chunk_ns or one.runs_out_ns - now < IN_NO_HURRY_NS:
            return 0.0
        return wait_s if len(found) < self.batch_of(window) else 0.0

    @property
    def _gains_by_company(self) -> bool:
        """Not a processor: what a run costs there is little beside its windows."""
        return self.config.by_deadline and self.config.batch_tokens is None

    def _hurries(self, heads: Sequence[Head], now: int) -> bool:
        """Whether somebody's tokens have come for whom the others do not wait for company."""
        soon_ns = now + IN_NO_HURRY_NS
        return any(
            one.runs_out_ns < soon_ns and not one.channel_full and (head.closed or head.waiting >= one.tokens_wanted)
            for one, head in heads
        )

    def proposal(self, heads: Sequence[Head]) -> FlowJob | None:
        """A segment's last window, run before it is known to be the last: exact if the next thing from T3 is the stop.

        It is run in idle times only: the flow's load must leave room."""
        jobs = []
        for running, head in heads:
            if self._may_be_at_its_end(head):
                job = _job(running, head, Window(n_new=head.waiting, lookahead=0, final=True))
                tried = running.proposal is not None and running.proposal.is_for(job)
                if not tried and self.has_room(running, job.window):
                    jobs.append(job)
        return min(jobs, key=lambda job: due_ns(job.running), default=None)

    def _may_be_at_its_end(self, head: SegmentTokens) -> bool:
        timing = self.config.timing
        waiting = 0 < head.waiting <= timing.largest + timing.lookahead
        return not head.closed and not head.decided and waiting and self._deadlines.coming(head) <= AT_ITS_END

    def _finds_room(self, running: RunningUtterance, window: Window) -> bool:
        """Where there is none, `release` wakes the flow: unless the listener took some just before it could know."""
        if self.has_room(running, window):
            return True
        running.channel_full = True
        if not self.has_room(running, window):
            return False
        running.channel_full = False
        return True

    def has_room(self, running: RunningUtterance, window: Window) -> bool:
        ahead = self.samples_ahead(running)
        return not ahead or ahead + self._samples(running, window) <= self.config.channel_samples

    def _samples(self, running: RunningUtterance, window: Window) -> float:
        """The most that its next window can add to the channel."""
        timing, pause = running.timing, 0 if running.segment_windows else self.config.longest_pause_samples
        edges = pause + (timing.held_back_samples if window.final else timing.uneven_samples)
        return window.n_new * timing.samples_per_token + edges

    def samples_ahead(self, running: RunningUtterance) -> int:
        """How much audio waits for its listener, or will soon."""
        in_vocoder = running.tokens_in_vocoder * running.timing.samples_per_token
        return max(0, running.samples_unreleased + math.ceil(in_vocoder))

    def _window(
        self, running: RunningUtterance, head: SegmentTokens, order: int, glance: Glance
    ) -> Window | float | None:
        config, deadlines, index = self.config, self._deadlines, running.segment_windows
        if head.decided:
            running.tokens_wanted = head.decided[0].n_new + head.decided[0].lookahead
            return head.decided[0] if head.waiting >= running.tokens_wanted else None
        running.tokens_wanted = head.waiting + 1
        if not config.by_deadline:
            return ladder_window(config.ladder, index, head.waiting, head.closed, config.timing.lookahead)
        if plain := glance.window(running, head, order):
            return plain
        contention, machine, least = glance.contention, glance.machine, running.timing.least_first
        urgent = contention.urgent_besides(order)
        status = SegmentStatus(
            waiting=head.waiting,
            closed=head.closed,
            coming=deadlines.coming(head),
            fresh=index == 0,
            lead_s=deadlines.lead_s(running, glance.now),
            others=order,
            others_running=glance.in_company,
            urgent=urgent,
            spare_s=contention.spare_s(order) if urgent else math.inf,
        )
        if (window := deadline_window(status, machine, least)) is None:
            running.tokens_wanted = tokens_wanted(status, machine, least)
        return window


def _looked_at(heads: Sequence[Head], now: int) -> tuple[list[Head], float]:
    """The utterances for which something may have changed since the flow last looked, and in how many seconds it may
    change for another one. One without room in its channel is left out: the flow is told when there is some."""
    looked_at, again_ns = [], sys.maxsize
    for one, head in heads:
        if one.channel_full:
            continue
        if now >= one.look_again_ns or head.closed or head.waiting >= one.tokens_wanted:
            looked_at.append((one, head))
        elif one.look_again_ns < again_ns:
            again_ns = one.look_again_ns
    return looked_at, math.inf if again_ns == sys.maxsize else (again_ns - now) / NS_PER_S


def _due(head: Head) -> int:
    return due_ns(head[0])


def _kind(running: RunningUtterance, window: Window) -> tuple[Window, bool]:
    """Windows of different kinds are never alike."""
    return window, running.segment_windows == 0


def _job(running: RunningUtterance, head: SegmentTokens, window: Window) -> FlowJob:
    return FlowJob(running, head, window, tuple(head.peek(window.n_new + window.lookahead)))
