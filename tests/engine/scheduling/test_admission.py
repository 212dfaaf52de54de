"""Who gets the next place, when there is none for a while."""

from __future__ import annotations

from dataclasses import replace

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


def test_a_place_is_kept_from_nobody_who_waits_too(scheduler: Scheduler) -> None:
    """Whoever of them comes first has it: it is not empty for longer than it must be."""
    refused(scheduler, "neighbour")
    refused(scheduler, "other")
    scheduler.cancel("a")
    Caller(scheduler, "his", caller="other")


def test_who_comes_anew_waits_behind_who_is_about_to_come_again(scheduler: Scheduler) -> None:
    """Fifty connections that came all at once, again and again, took all places whenever they became free together."""
    refused(scheduler, "neighbour")
    scheduler.cancel("a")
    assert "kept for a caller" in refused(scheduler, "new")
    scheduler.cancel("b")
    Caller(scheduler, "newer", caller="newer")
    assert "kept for a caller" in refused(scheduler, "newest")
    Caller(scheduler, "his", caller="neighbour")


def test_a_place_is_not_kept_for_long_from_who_comes_anew(scheduler: Scheduler) -> None:
    """It would be empty for as long as the refused caller was told to wait."""
    refused(scheduler, "neighbour")
    scheduler.admission._waiting["neighbour"].due_s += 5.0
    scheduler.cancel("a")
    Caller(scheduler, "new", caller="new")


def test_who_asks_sooner_than_he_was_told_waits_no_longer_for_that(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neighbour asked each second, and was told to wait for three more each time: his turn never came near, and
    connections that came anew had each place."""
    monkeypatch.setattr(scheduler.admission, "_retry_after_s", lambda running: 3.0)
    refused(scheduler, "neighbour")
    wait = scheduler.admission._waiting["neighbour"]
    wait.since_s, wait.due_s, wait.until_s = wait.since_s - 2.5, wait.due_s - 2.5, wait.until_s - 2.5
    refused(scheduler, "neighbour")
    scheduler.cancel("a")
    assert "kept for a caller" in refused(scheduler, "new")
    Caller(scheduler, "his", caller="neighbour")


def test_who_was_let_in_meanwhile_waits_behind_who_was_refused(scheduler: Scheduler) -> None:
    """Where there was one place, a caller who gave up three times a second held none when he asked again, a moment
    after: his neighbour, who came once a second, heard nothing at all."""
    for name in "abc":
        scheduler.cancel(name)
    scheduler.places.number = 1
    scheduler.places._open = 1.0
    refused(scheduler, "neighbour")
    scheduler.admission._waiting["neighbour"].due_s += 5.0
    scheduler.admission._waiting["neighbour"].until_s += 5.0
    scheduler.cancel("d")
    Caller(scheduler, "once", caller="many")
    scheduler.cancel("once")
    assert "kept for a caller" in refused(scheduler, "many")
    Caller(scheduler, "his", caller="neighbour")


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
    scheduler.admission._waiting["neighbour"].until_s = 0.0
    Caller(scheduler, "again", caller="many")


def test_one_caller_counts_for_all_places_but_one_where_they_follow_what_is_seen() -> None:
    """Three calls that did nothing but flush held all places that were left, for as long as they liked."""
    scheduler = Scheduler(CONFIG)
    scheduler.places.guess(3, "measured")
    for name in "abc":
        Caller(scheduler, name, caller="many")
    refused(scheduler, "many")
    Caller(scheduler, "d", caller="other")
    refused(scheduler, "third")


def test_a_quarter_of_many_places_is_for_others() -> None:
    """Of two neighbours one waited a second for the only place beside a flood, and then the other, again and again."""
    scheduler = Scheduler(replace(CONFIG, max_utterances=16))
    scheduler.places.guess(12, "measured")
    for number in range(12):
        Caller(scheduler, str(number), caller="many")
    for caller in ("one", "other", "one more"):
        Caller(scheduler, caller, caller=caller)
    refused(scheduler, "too many")
    refused(scheduler, "many")


def test_the_others_have_a_place_also_when_there_are_fewer_than_before() -> None:
    scheduler = Scheduler(CONFIG)
    scheduler.places.guess(4, "measured")
    for name in "abc":
        Caller(scheduler, name, caller="many")
    scheduler.places._open = 1.0
    Caller(scheduler, "d", caller="other")
    assert len(scheduler._running) == scheduler.places.most


def test_no_more_are_let_in_than_there_is_memory_for() -> None:
    scheduler = Scheduler(CONFIG)
    scheduler.places.guess(4, "measured")
    for name in "abcd":
        Caller(scheduler, name, caller="many")
    refused(scheduler, "other")


def test_who_cannot_be_told_apart_gets_all_places_and_so_does_everybody_where_there_are_two() -> None:
    for places, caller in ((3, ""), (2, "many")):
        scheduler = Scheduler(CONFIG)
        scheduler.places.guess(places, "measured")
        for number in range(places):
            Caller(scheduler, str(number), caller=caller)
