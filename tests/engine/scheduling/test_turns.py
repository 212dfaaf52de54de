"""Whose first sound has its turn."""

from __future__ import annotations

from engine.scheduling.turns import EACH_NS, MOST_NS, REMEMBERED, Turns


def test_who_begins_seldom_has_the_turn_at_once() -> None:
    turns = Turns()
    assert turns.take("a", 1_000) == 1_000
    later = 1_000 + EACH_NS
    assert turns.take("a", later) == later


def test_who_begins_much_is_behind_who_does_not() -> None:
    """Three callers of one connection that gave up and began again nine times a second took T3 from everybody."""
    turns = Turns()
    flood = [turns.take("flood", 0) for _ in range(3)]
    assert flood == [0, EACH_NS, 2 * EACH_NS]
    assert turns.take("neighbour", 1) < flood[1]


def test_nobody_is_behind_for_longer_than_the_most() -> None:
    turns = Turns()
    assert max(turns.take("flood", 0) for _ in range(100)) == MOST_NS
    assert turns.take("flood", 2 * MOST_NS) == 2 * MOST_NS, "what was is forgotten"


def test_callers_without_a_name_are_not_told_apart() -> None:
    turns = Turns()
    assert [turns.take("", now) for now in (5, 5, 5)] == [5, 5, 5]


def test_only_the_last_callers_are_remembered() -> None:
    turns = Turns()
    for caller in range(2 * REMEMBERED):
        turns.take(str(caller), 0)
    assert len(turns._next_ns) == REMEMBERED
