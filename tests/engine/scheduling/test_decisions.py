"""The scheduler's decisions beside slow and obvious ones, and what they cost in operations."""

from __future__ import annotations

import math
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.support.random_schedulers import CALM, MIXED, URGENT, Lead, random_scheduler
from engine.clock import now_ns
from engine.scheduling import playback, sizes
from engine.scheduling.contention import due_ns
from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.flow_choice import CANDIDATES, COLLECT_S, IN_NO_HURRY_NS
from engine.scheduling.ledger import SegmentTokens
from engine.scheduling.playback import Machine, Stretch
from engine.scheduling.running import RunningUtterance
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.windows import SegmentStatus, Window, deadline_window

LEADS = [CALM, MIXED, URGENT]
seconds = st.floats(0.0001, 0.2)


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    fixed_s, token_s = draw(seconds), draw(seconds) / 10
    lookahead = draw(st.integers(0, 4))
    return Machine(
        token_s=draw(seconds),
        flow_s=lambda tokens: fixed_s + token_s * tokens,
        vocoder_s=lambda tokens: fixed_s / 3,
        flow_batch=draw(st.floats(1, 32)),
        vocoder_batch=draw(st.floats(1, 32)),
        audio_s=0.04,
        held_back_s=draw(st.sampled_from([0.0, 0.08])),
        lookahead=lookahead,
        largest=draw(st.integers(5, 30)),
        spare_lookahead=draw(st.integers(0, lookahead)),
    )


@given(machines(), st.integers(0, 60), st.integers(0, 120), st.booleans(), st.floats(-1, 3))
def test_how_late_a_segment_comes_is_what_its_windows_say(
    machine: Machine, waiting: int, coming: int, begun: bool, lead_s: float
) -> None:
    stretch = Stretch(waiting, coming, begun)
    first_s, needed_s = playback.reserve(machine, stretch)
    ready, durations = playback.windows(machine, [stretch])
    if not ready:
        assert needed_s == -math.inf
        return
    assert first_s == pytest.approx(ready[0])
    late_s = playback.lateness(ready, durations, max(lead_s, ready[0]))
    assert max(0.0, needed_s - max(lead_s, first_s)) == pytest.approx(late_s, abs=1e-9)


@given(machines(), st.integers(1, 120), st.integers(1, 8), st.sampled_from([0.0, 0.05, 0.3]))
def test_the_first_window_is_the_one_with_which_gap_free_playback_starts_soonest(
    machine: Machine, coming: int, least: int, slack_s: float
) -> None:
    def gap_free_s(size: int) -> float:
        ready, durations = playback.windows(machine, [Stretch(0, coming)], size)
        return ready[0] + playback.least_prebuffer([ready[0], *(at + slack_s for at in ready[1:])], durations)

    chosen = playback.first_window(machine, coming, least, slack_s)
    possible = [size for size in sizes.sizes(machine.largest) if least < size <= min(machine.largest, coming)]
    assert chosen in [least, *possible]
    soonest_s = min(map(gap_free_s, [least, *possible]))
    assert gap_free_s(chosen) <= max(soonest_s / playback.ABOUT**2, soonest_s + 0.1) or gap_free_s(least) == soonest_s


@given(st.lists(seconds, min_size=3, max_size=30), st.floats(0, 0.5), st.floats(0.1, 20))
def test_sizes_are_looked_up_as_a_search_would_find_them(costs: list[float], spare_s: float, turns: float) -> None:
    largest = len(costs)
    machine = Machine(
        token_s=0.02, flow_s=lambda n: costs[n - 1], audio_s=0.04, held_back_s=0.0, lookahead=3, largest=largest
    )
    counts = range(1, largest + 1)
    fitting = max((n for n in counts if costs[n - 1] <= spare_s), default=0)
    assert machine.most_within(spare_s) == max((n for n in sizes.sizes(largest) if n <= fitting), default=0)
    lasting = next((n for n in counts if n * 0.04 / costs[n - 1] >= turns), largest)
    assert machine.least_lasting(turns) == min(n for n in sizes.sizes(largest) if n >= lasting)


def obvious_windows(scheduler: Scheduler, now: int) -> list[tuple[RunningUtterance, Window]]:
    """Every head against every other one, one question after the other."""
    machine, timing = scheduler.deadlines.machine, scheduler.config.timing
    heads = [
        (running, running.ledger.entries[0])
        for running in scheduler._running.values()
        if running.ledger.entries and isinstance(running.ledger.entries[0], SegmentTokens)
    ]
    horizon_ns = now + round(len(heads) * machine.turn_s(machine.largest) * NS_PER_S)
    first: list[tuple[RunningUtterance, Window]] = []
    others_first: list[tuple[RunningUtterance, Window]] = []
    last = len(heads)
    for order, (running, head) in enumerate(sorted(heads, key=lambda one: due_ns(one[0]))):
        if order > last:
            break
        assert isinstance(head, SegmentTokens)
        others = [due_ns(other) for other, _ in heads if other is not running]
        turn_s = machine.turn_s(timing.least_first)
        spare_s = min(
            ((due - now) / NS_PER_S - turn * turn_s for turn, due in enumerate(sorted(others), 1)), default=math.inf
        )
        status = SegmentStatus(
            waiting=head.waiting,
            closed=head.closed,
            coming=scheduler.deadlines.coming(head),
            fresh=running.segment_windows == 0,
            lead_s=scheduler.deadlines.lead_s(running, now),
            others=sum(due < due_ns(running) for due in others),
            others_running=len(heads) > 1,
            urgent=sum(due < horizon_ns for due in others),
            spare_s=spare_s,
        )
        window = deadline_window(status, machine, timing.least_first)
        if isinstance(window, Window) and scheduler.choice.has_room(running, window):
            if not (first or others_first):
                last = order + CANDIDATES * scheduler.choice.batch_of(window)
            new, delays_nobody = not running.first_chunk_ns, machine.window_s(min(window.n_new, 25)) <= spare_s
            (first if new and status.urgent and delays_nobody else others_first).append((running, window))
    return first + others_first


def obvious_jobs(scheduler: Scheduler, now: int) -> list[tuple[str, Window]]:
    """The most urgent window and those that could be run with it; none where all of them may wait for company."""
    windows = obvious_windows(scheduler, now)
    if not windows:
        return []
    first, window = windows[0]
    in_no_hurry = first.first_chunk_ns and first.runs_out_ns >= now + IN_NO_HURRY_NS
    just_ran = now - scheduler.choice.ran_ns < COLLECT_S * NS_PER_S
    if in_no_hurry and just_ran and len(scheduler._running) > 1 and len(windows) < scheduler.choice.batch_of(window):
        return []
    return [
        (one.request.id, window)
        for one, other in windows
        if other == window and (one.segment_windows == 0) == (first.segment_windows == 0)
    ]


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("speculate", [False, True])
@pytest.mark.parametrize("just_ran", [False, True])
def test_windows_are_those_that_a_slow_and_obvious_scheduler_would_run(
    lead: Lead, speculate: bool, just_ran: bool
) -> None:
    n_jobs = 0
    for seed in range(40):
        scheduler = random_scheduler(1 + seed, lead, seed, speculate=speculate, batch=100)
        now = now_ns()
        scheduler.choice.ran_ns = now - just_ran
        with scheduler.lock:
            expected = obvious_jobs(scheduler, now)
            jobs = [(job.running.request.id, job.window) for job in scheduler.next_flow_jobs(now)[0]]
            assert jobs == expected
        n_jobs += len(jobs)
    assert n_jobs > 50


def test_who_has_no_room_is_not_looked_at_until_there_is_some() -> None:
    scheduler = random_scheduler(30, CALM, seed=3)
    now = now_ns()
    with scheduler.lock:
        for running in scheduler._running.values():
            running.channel_full = True
        before = operations(scheduler)
        assert scheduler.next_flow_jobs(now) == ([], None)
    for name in scheduler._running:
        scheduler.release(name, 0)
    with scheduler.lock:
        expected = obvious_jobs(scheduler, now)
        assert [(job.running.request.id, job.window) for job in scheduler.next_flow_jobs(now)[0]] == expected
        assert expected
        assert before < operations(scheduler)


def test_not_many_more_utterances_are_looked_at_than_could_make_a_batch() -> None:
    scheduler = random_scheduler(100, URGENT, seed=1, batch=4)
    now = now_ns()
    with scheduler.lock:
        jobs, _ = scheduler.next_flow_jobs(now)
        ids = [job.running.request.id for job in jobs]
        assert 1 <= len(ids) <= 1 + CANDIDATES * 4


def operations(scheduler: Scheduler) -> int:
    """Calls, of Python and of C, that one decision of each worker takes."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    with scheduler.lock:
        now = now_ns()
        sys.setprofile(trace)
        try:
            scheduler.next_flow_jobs(now)
            scheduler.to_speak(), scheduler.beside(stepping := scheduler.to_step(), scheduler.to_feed(stepping))
            scheduler.settle(), scheduler.next_vocoder_jobs()
        finally:
            sys.setprofile(None)
    return count


@pytest.mark.parametrize("lead", LEADS)
def test_a_decision_costs_in_proportion_to_the_listeners(lead: Lead) -> None:
    """And not to their square: five times the listeners, at most six times the work; and not much for each."""

    def most(number: int) -> int:
        schedulers = [random_scheduler(number, lead, seed) for seed in range(10)]
        for scheduler in schedulers:
            operations(scheduler)  # what a machine is asked for the first time it works out
        return sum(map(operations, schedulers))

    few, many = most(50), most(250)
    assert many <= 6 * few
    assert many / 10 / 250 <= 60
