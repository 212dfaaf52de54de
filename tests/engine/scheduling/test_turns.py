"""Whose first sound is due later than others'."""

from __future__ import annotations

from engine.clock import now_ns
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.turns import EACH_NS, MOST_NS, REMEMBERED, REMEMBERED_NS, Turns
from tests.engine.scripted_pipeline import CONFIG, Caller


def test_who_begins_seldom_is_never_behind() -> None:
    turns = Turns()
    assert turns.take("a", 1_000) == 0
    assert turns.take("a", 1_000 + EACH_NS) == 0


def test_who_begins_much_is_behind_who_does_not() -> None:
    """Three callers of one connection that gave up and began again nine times a second took T3 from everybody."""
    turns = Turns()
    assert turns.take("flood", 0) == 0
    assert turns.take("flood", EACH_NS - 1_000) == 1_000
    assert [turns.take("flood", EACH_NS) for _ in range(3)] == [EACH_NS, MOST_NS, MOST_NS]
    assert turns.take("neighbour", EACH_NS) == 0


def test_what_was_begun_long_ago_is_forgotten() -> None:
    turns = Turns()
    for _ in range(100):
        turns.take("flood", 0)
    assert turns.take("flood", REMEMBERED_NS + EACH_NS) == 0


def test_t3_takes_up_who_has_begun_less_and_whose_first_sound_is_due_sooner() -> None:
    scheduler = Scheduler(CONFIG)
    for name, caller in (("first", "flood"), ("second", "flood"), ("other", "neighbour")):
        Caller(scheduler, name, caller=caller)
    first, second, other = scheduler._running.values()
    for running in (second, other):
        running.pieces.append("text")  # type: ignore[arg-type]
    assert scheduler.to_speak() is other
    for running, begun_ns in ((first, 1_000), (second, 1_000), (other, 2_000)):
        running.row, running.begun_ns = object(), begun_ns  # type: ignore[assignment]
    first.decoding = second.decoding = object()  # type: ignore[assignment]
    assert scheduler.to_feed([second]) is other
    assert scheduler.beside([second], other) == [], "its steps wait for the other's text"
    assert scheduler.beside([first, second], other) == [first, second], "who began before it was not behind"


def test_who_begins_now_is_due_later_than_who_has_begun() -> None:
    """Before T3 has taken it up it seemed to be due since the machine was started, and each newcomer took a step from
    those who waited for their first sound."""
    scheduler = Scheduler(CONFIG)
    for name, caller in (("first", "a"), ("second", "a"), ("new", "b")):
        Caller(scheduler, name, caller=caller)
    first, second, new = scheduler._running.values()
    first.begun_ns = second.begun_ns = now_ns()
    new.pieces.append("text")  # type: ignore[arg-type]
    assert scheduler.to_feed([first], new) is new
    assert scheduler.beside([first], new) == [first]
    assert scheduler.beside([second], new) == [], "it is behind"


def test_callers_without_a_name_are_not_told_apart() -> None:
    turns = Turns()
    assert [turns.take("", now) for now in (5, 5, 5)] == [0, 0, 0]


def test_only_the_last_callers_are_remembered() -> None:
    turns = Turns()
    for caller in range(2 * REMEMBERED):
        turns.take(str(caller), 0)
    assert len(turns._next_ns) == REMEMBERED
