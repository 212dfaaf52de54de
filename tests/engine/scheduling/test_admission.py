"""Who gets the next place, when there is none for a while."""

from __future__ import annotations

import pytest

from engine.errors import Overloaded
from engine.scheduling.admission import MOST_WAITING
from engine.scheduling.scheduler import Scheduler
from tests.engine.scripted_pipeline import CONFIG, Caller


@pytest.fixture
def scheduler() -> Scheduler:
    """All four places are one caller's."""
    scheduler = Scheduler(CONFIG)
    for name in "abcd":
        Caller(scheduler, name, caller="many")
    return scheduler


def refused(scheduler: Scheduler, caller: str) -> str:
    with pytest.raises(Overloaded) as error:
        Caller(scheduler, "next", caller=caller)
    return str(error.value)


def test_who_found_no_place_has_the_next_one_before_who_holds_more(scheduler: Scheduler) -> None:
    """Three callers who gave up and began again took each place that became free, since they asked at once and a
    refused neighbour a second later: he heard nothing as long as they went on."""
    refused(scheduler, "neighbour")
    scheduler.cancel("a")
    assert "kept for a caller" in refused(scheduler, "many")
    Caller(scheduler, "his", caller="neighbour")
    scheduler.cancel("b")
    Caller(scheduler, "again", caller="many")


def test_a_place_is_kept_from_nobody_who_holds_as_few(scheduler: Scheduler) -> None:
    refused(scheduler, "neighbour")
    scheduler.cancel("a")
    Caller(scheduler, "other", caller="other")


def test_one_place_is_kept_however_many_wait(scheduler: Scheduler) -> None:
    for number in range(2 * MOST_WAITING):
        refused(scheduler, str(number))
    scheduler.cancel("a")
    scheduler.cancel("b")
    Caller(scheduler, "again", caller="many")
    assert len(scheduler.admission._waiting) == MOST_WAITING


def test_a_place_is_kept_as_long_as_who_was_refused_may_come(scheduler: Scheduler) -> None:
    refused(scheduler, "neighbour")
    scheduler.cancel("a")
    scheduler.admission._waiting["neighbour"] = 0.0
    Caller(scheduler, "again", caller="many")


def test_the_last_place_is_for_who_holds_less_where_places_follow_what_is_seen() -> None:
    """Three calls that did nothing but flush held all places that were left, for as long as they liked."""
    scheduler = Scheduler(CONFIG)
    scheduler.places.guess(3, "measured")
    for name in "ab":
        Caller(scheduler, name, caller="many")
    assert "kept for a caller" in refused(scheduler, "many")
    Caller(scheduler, "c", caller="other")


def test_who_cannot_be_told_apart_gets_all_places_and_so_does_everybody_where_there_are_two() -> None:
    for places, caller in ((3, ""), (2, "many")):
        scheduler = Scheduler(CONFIG)
        scheduler.places.guess(places, "measured")
        for number in range(places):
            Caller(scheduler, str(number), caller=caller)
