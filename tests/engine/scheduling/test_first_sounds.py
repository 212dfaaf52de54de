"""Whose rows and texts wait while T3 works for a first sound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.clock import now_ns
from engine.scheduling.estimates import Cost, Estimates
from engine.scheduling.ledger import SegmentTokens
from engine.scheduling.running import RunningUtterance
from engine.scheduling.scheduler import Scheduler
from engine.text.origin import Origin
from engine.text.segmenter import TextSegment
from tests.engine.scripted_pipeline import CONFIG, Caller

MS = 1_000_000


@pytest.fixture
def scheduler() -> Scheduler:
    """Its machine takes 4 ms for a step of one row, and 0.5 ms more for each other one."""
    scheduler = Scheduler(replace(CONFIG, few_rows_cost_less=True))
    learn(scheduler.estimates, each_s=0.0005)
    return scheduler


def learn(estimates: Estimates, each_s: float) -> None:
    estimates.step_s = Cost(0.0)
    for rows in (1, 8, 16):
        estimates.step_s.add(rows, 0.0035 + each_s * rows)


def steps(scheduler: Scheduler, name: str, *, lead_ms: float = 0.0, tokens: int = 0) -> RunningUtterance:
    """An utterance that T3 has taken up, in this order, whose listener has so much ahead: 0: nothing yet."""
    Caller(scheduler, name)
    running, now = scheduler._running[name], now_ns()
    running.begun_ns = now + len(scheduler._running)
    running.runs_out_ns = now + round(lead_ms * MS) if lead_ms else 0
    running.n_windows = int(lead_ms > 0)
    text = TextSegment("text", Origin.verbatim(0, 4), 0, 0)
    running.decoding = SegmentTokens(0, text, "text", 0, 0)
    running.ledger.entries.append(running.decoding)
    for _ in range(tokens):
        running.decoding.append(1, now)
    return running


def test_rows_that_are_ahead_stay_out_of_the_steps_for_a_first_sound(scheduler: Scheduler) -> None:
    """Callers who gave up and began again kept T3's batch full, and a neighbour's first sound took twice as long."""
    ahead = [steps(scheduler, name, lead_ms=2_000) for name in "ab"]
    short, new = steps(scheduler, "short", lead_ms=100), steps(scheduler, "new")
    learn(scheduler.estimates, each_s=0.004)
    assert scheduler.beside([*ahead, short, new], None) == [short, new]
    new.runs_out_ns = now_ns() + 100 * MS
    assert scheduler.beside([*ahead, short, new], None) == [*ahead, short, new]


def test_tokens_in_hand_are_ahead_too(scheduler: Scheduler) -> None:
    learn(scheduler.estimates, each_s=0.004)
    with_tokens, without = steps(scheduler, "a", lead_ms=300, tokens=60), steps(scheduler, "b", lead_ms=300)
    new = steps(scheduler, "new")
    assert scheduler.beside([with_tokens, without, new], None) == [without, new]


def test_nobody_stays_out_where_few_rows_take_as_long_as_many(scheduler: Scheduler) -> None:
    learn(scheduler.estimates, each_s=0.00001)
    ahead, new = steps(scheduler, "ahead", lead_ms=2_000), steps(scheduler, "new")
    assert scheduler.beside([ahead, new], None) == [ahead, new]


def test_nobody_stays_out_beside_a_gpu_whatever_its_steps_take() -> None:
    """150 listeners of a card were kept waiting for seconds: a step for a few was one less for the others."""
    scheduler = Scheduler(CONFIG)
    learn(scheduler.estimates, each_s=0.004)
    ahead, new = steps(scheduler, "ahead", lead_ms=2_000), steps(scheduler, "new")
    assert scheduler.beside([ahead, new], None) == [ahead, new]


def test_nobody_stays_out_before_it_is_known_what_a_step_takes(scheduler: Scheduler) -> None:
    scheduler.estimates.step_s = Cost(0.0)
    ahead, new = steps(scheduler, "ahead", lead_ms=2_000), steps(scheduler, "new")
    assert scheduler.beside([ahead, new], None) == [ahead, new]


def test_first_sounds_are_made_in_the_order_in_which_they_are_due(scheduler: Scheduler) -> None:
    learn(scheduler.estimates, each_s=0.004)
    first, second = steps(scheduler, "first"), steps(scheduler, "second")
    assert scheduler.beside([first, second], None) == [first]
    drawn = first.decoding
    assert drawn is not None
    for _ in range(CONFIG.timing.least_first + CONFIG.timing.lookahead):
        drawn.append(1, now_ns())
    assert scheduler.beside([first, second], None) == [first], "the flow may find that it needs more"
    drawn.append(1, now_ns())
    assert scheduler.beside([first, second], None) == [first, second], "it has what its first window needs"
    first.n_windows = 1
    assert scheduler.beside([first, second], None) == [first, second]


def test_a_text_waits_for_a_first_sound_that_is_due_sooner(scheduler: Scheduler) -> None:
    first = steps(scheduler, "first")
    new = steps(scheduler, "new")
    new.row, new.decoding = object(), None  # type: ignore[assignment]
    assert scheduler.to_feed([first]) is None
    assert scheduler.to_feed([]) is new
    learn(scheduler.estimates, each_s=0.00001)
    assert scheduler.to_feed([first]) is new, "where it costs the steps nothing"
    learn(scheduler.estimates, each_s=0.0005)
    new.begun_ns -= 1_000 * MS
    assert scheduler.to_feed([first]) is new, "it is due sooner"


def test_who_begins_much_lets_others_go_first_although_its_own_are_older(scheduler: Scheduler) -> None:
    """A hundred calls of one word each were always older than a neighbour's: his first sound came after 375 ms."""
    learn(scheduler.estimates, each_s=0.004)
    older, new = steps(scheduler, "older"), steps(scheduler, "new")
    older.begun_ns -= 300 * MS
    assert scheduler.beside([older, new], None) == [older]
    for _ in range(4):
        older.behind_ns = scheduler._turns.take("flood", now_ns())
    assert scheduler.beside([older, new], None) == [new]
    older.row, older.decoding = object(), None  # type: ignore[assignment]
    assert scheduler.to_feed([new]) is None


def test_who_begins_much_has_its_text_run_before_that_of_a_listener_with_enough_ahead(scheduler: Scheduler) -> None:
    """Else that would be first, which waits for those who have heard nothing, and nobody's text would be run."""
    listener, new, other = steps(scheduler, "listener", lead_ms=550), steps(scheduler, "new"), steps(scheduler, "other")
    new.behind_ns = other.behind_ns = 600 * MS
    other.begun_ns += 50 * MS
    for one in (listener, new):
        one.row, one.decoding = object(), None  # type: ignore[assignment]
    assert scheduler.to_feed([other]) is new
