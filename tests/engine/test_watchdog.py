"""The watchdog tells work that does not end from work that is long, and from a process that stood still."""

from __future__ import annotations

import threading
import time

from engine.watchdog import FACTOR, LEAST_S, MOST_S, Watchdog, Watched, ends_within


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def one_that_took(*pieces_s: float) -> Watched:
    """Its past, in seconds."""
    clock = Clock()
    one = Watched("somebody", now_s=clock)
    for took_s in pieces_s:
        one.begin()
        clock.now_s += took_s
        one.end()
    return one


def test_how_long_work_may_take_follows_from_what_it_took() -> None:
    assert one_that_took().limit_s == LEAST_S
    assert one_that_took(0.01, 2.0, 0.01).limit_s > LEAST_S + 0.9 * FACTOR * 2.0


def test_one_long_piece_is_forgotten_in_time() -> None:
    once = one_that_took(3.0, *[0.01] * 500)
    assert once.limit_s < LEAST_S + 1.0


def test_a_piece_that_stood_still_for_hours_does_not_set_the_measure() -> None:
    assert one_that_took(8 * 3600.0).limit_s <= LEAST_S + FACTOR * MOST_S


def test_only_a_piece_of_work_that_is_the_same_gets_older() -> None:
    one = Watched("somebody", least_s=1.0)
    one.begin()
    for _ in range(10):
        assert not one.grow_older(0.3)
        one.end()
        one.begin()
        time.sleep(0.001)
    assert not any(one.grow_older(0.3) for _ in range(4))
    assert one.grow_older(0.3)


def test_who_rests_is_never_overdue() -> None:
    one = Watched("somebody", least_s=0.1)
    assert not any(one.grow_older(1.0) for _ in range(10))


def told(watched: Watched, seconds: float) -> list[str]:
    """What a watchdog says of it within a time."""
    said: list[str] = []
    heard = threading.Event()

    def say(word: str) -> None:
        said.append(word)
        heard.set()

    dog = Watchdog([watched], lambda _: say("overdue"), lambda _: say("gone"), tick_s=0.01)
    dog.start()
    heard.wait(seconds)
    dog.end()
    return said


def test_what_hangs_is_told_once() -> None:
    one = Watched("somebody", least_s=0.05)
    one.begin()
    assert told(one, 5.0) == ["overdue"]


def test_a_thread_that_is_gone_is_told() -> None:
    assert told(Watched("somebody", is_alive=lambda: False), 5.0) == ["gone"]


def test_time_in_which_the_watchdog_did_not_run_does_not_count() -> None:
    """A machine that was suspended for a night: everything seems to have taken a night."""
    one = Watched("somebody", least_s=1.0)
    one.begin()
    clock = Clock()
    dog = Watchdog([one], lambda _: None, lambda _: None, tick_s=0.01, now_s=clock)
    dog.start()
    for _ in range(3):
        clock.now_s += 8 * 3600.0
        time.sleep(0.05)
    dog.end()
    assert 0.0 < one._age_s <= 3 * 0.02


def test_work_that_hangs_is_left_behind() -> None:
    never = threading.Event()
    assert ends_within(5.0, lambda: None, "quick")
    assert not ends_within(0.05, never.wait, "slow")
    never.set()
