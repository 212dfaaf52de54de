"""How many are let in, and when the others should come again: plain arithmetic."""

from __future__ import annotations

import pytest

from engine.scheduling.fitting import (
    LEAST_WAIT_S,
    MARGIN,
    MOST_WAIT_S,
    OPEN_WAIT_S,
    Rest,
    retry_after_s,
    streams_that_fit,
)


class Machine:
    """Makes up to `most` seconds of audio in a second, `alone` with one utterance."""

    def __init__(self, alone: float, most: float) -> None:
        self.alone, self.most = alone, most
        self.crowds: list[int] = []

    def __call__(self, crowd: int) -> float:
        self.crowds.append(crowd)
        return min(self.most, self.alone * crowd)


@pytest.mark.parametrize("most", [2.0, 10.0, 40.0, 130.0])
def test_a_share_of_what_a_crowd_makes_is_promised(most: float) -> None:
    assert streams_that_fit(Machine(most / 3, most), 1000) == int(MARGIN * most)


def test_a_machine_slower_than_speech_lets_one_in_and_asks_no_crowd() -> None:
    machine = Machine(0.4, 0.4)
    assert streams_that_fit(machine, 100) == 1
    assert machine.crowds == [1]


def test_crowds_grow_as_batching_pays_and_never_beyond_what_was_promised() -> None:
    """Alone it would look like 6 streams; together many more fit."""
    machine = Machine(8.0, 40.0)
    assert streams_that_fit(machine, 1000) == int(MARGIN * 40.0)
    assert machine.crowds == [1, 4, 8, 16, 24]


def test_one_slow_measurement_takes_nothing_back() -> None:
    rates = {1: 11.0, 4: 14.6, 8: 12.8, 10: 11.0}
    assert streams_that_fit(rates.__getitem__, 100) == int(MARGIN * 14.6)


def test_nothing_beyond_the_memory_is_measured_or_promised() -> None:
    machine = Machine(100.0, 1000.0)
    assert streams_that_fit(machine, 5) == 5
    assert max(machine.crowds) <= 5
    assert streams_that_fit(machine, 1) == 1


def rest(tokens: float, *, is_open: bool = False, in_real_time: bool = False) -> Rest:
    return Rest(tokens=tokens, lasts_s=0.04 * tokens, is_open=is_open, in_real_time=in_real_time)


def test_the_shortest_rest_of_a_complete_text_counts() -> None:
    running = [rest(500), rest(100), rest(1, is_open=True)]
    assert retry_after_s(running, 0.02) == pytest.approx(2.0)


def test_who_waits_for_his_listener_goes_on_in_real_time() -> None:
    assert retry_after_s([rest(100, in_real_time=True)], 0.001) == pytest.approx(4.0)


def test_hints_are_neither_hectic_nor_hopeless() -> None:
    assert retry_after_s([rest(0)], 0.02) == LEAST_WAIT_S
    assert retry_after_s([rest(1e6)], 0.02) == MOST_WAIT_S


def test_of_those_who_may_go_on_for_ever_nothing_is_known() -> None:
    assert retry_after_s([rest(3, is_open=True)], 0.02) == OPEN_WAIT_S
