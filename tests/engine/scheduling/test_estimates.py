"""Live estimates follow what is measured."""

from __future__ import annotations

import pytest

from engine.scheduling.estimates import Average, Cost, Estimates, Load


def test_the_first_measurement_replaces_the_prior() -> None:
    average = Average(1.0)
    average.add(0.2)
    assert average.value == 0.2


def test_an_average_follows_a_change() -> None:
    average = Average(1.0)
    for _ in range(50):
        average.add(0.5)
    assert average.value == pytest.approx(0.5)


def test_a_load_is_a_share_of_time_however_the_work_is_cut() -> None:
    """Each work counted for its own share: a window and its audio right after it made a flow of half load, though it
    rested nearly all the time, and nothing was ever speculated."""
    together, cut = Load(), Load()
    for _ in range(200):
        together.add(rested_s=0.08, worked_s=0.02)
        cut.add(rested_s=0.08, worked_s=0.01)
        cut.add(rested_s=0.0, worked_s=0.01)
    assert cut.value == pytest.approx(together.value)
    assert cut.value == pytest.approx(0.2, abs=0.04)


def test_a_load_is_known_soon_and_forgotten_soon() -> None:
    estimates = Estimates()
    assert estimates.flow_has_time
    for _ in range(60):
        estimates.flow_load.add(rested_s=0.001, worked_s=0.03)
    assert estimates.flow_is_full
    estimates.flow_load.add(rested_s=2.0, worked_s=0.03)
    assert estimates.flow_has_time


def test_a_line_through_windows_of_several_sizes_is_found() -> None:
    cost = Cost(prior_s=1.0)
    for tokens in (6, 12, 25, 25, 9):
        cost.add(tokens, 0.005 + 0.001 * tokens)
    assert list(cost.line) == pytest.approx([0.005, 0.001])
    assert cost(40) == pytest.approx(0.045)


def test_windows_of_one_size_give_a_cost_in_proportion() -> None:
    cost = Cost(prior_s=1.0)
    for _ in range(3):
        cost.add(25, 0.05)
    assert cost(25) == pytest.approx(0.05)
    assert cost(50) == pytest.approx(0.1)


def test_neither_part_of_the_line_is_ever_negative() -> None:
    cost = Cost(prior_s=1.0)
    for tokens, seconds in ((6, 0.1), (25, 0.05), (12, 0.2)):
        cost.add(tokens, seconds)
    assert min(cost.line) >= 0


def test_old_windows_are_forgotten() -> None:
    cost = Cost(prior_s=1.0)
    for factor in (10.0,) * 20 + (1.0,) * 60:
        for tokens in (6, 25):
            cost.add(tokens, factor * (0.005 + 0.001 * tokens))
    assert cost(25) == pytest.approx(0.03, rel=0.05)
