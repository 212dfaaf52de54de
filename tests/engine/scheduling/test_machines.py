"""A machine is the same while its costs are about the same."""

from __future__ import annotations

import math

import pytest

from engine.scheduling import sizes
from engine.scheduling.estimates import Estimates
from engine.scheduling.machines import STEP, Machines
from engine.scheduling.timing import LEAST_SOUND_S, PACE_STEP, Timing

TIMING = Timing(sample_rate=24_000, samples_per_token=960, lookahead=3, largest=25)


def estimates(token_s: float, batch: float = 1.0) -> Estimates:
    known = Estimates()
    known.token_s.add(token_s)
    known.flow_batch.add(batch)
    for tokens in (5, 10, 25):
        known.flow_s.add(tokens, 0.004 + 0.0005 * tokens)
    return known


def test_costs_are_about_what_was_measured() -> None:
    machine = Machines(TIMING, estimates(0.012)).now(rescues=False)
    assert machine.token_s == pytest.approx(0.012, rel=STEP)
    for tokens in (1, 12, 25):
        assert machine.flow_s(tokens) == pytest.approx(0.004 + 0.0005 * tokens, rel=2 * STEP)


def test_a_cost_that_wobbles_makes_no_other_machine_and_one_that_comes_back_makes_no_third() -> None:
    known = estimates(0.012)
    machines = Machines(TIMING, known)
    first = machines.now(rescues=False)
    for token_s in (0.0121, 0.0119, 0.0122):
        known.token_s.value = token_s
        assert machines.now(rescues=False) is first
    known.token_s.value = 0.024
    assert machines.now(rescues=False).token_s == pytest.approx(0.024, rel=STEP)
    known.token_s.value = 0.012
    assert machines.now(rescues=False) is first


def test_windows_that_run_together_take_shorter_turns() -> None:
    alone = Machines(TIMING, estimates(0.012)).now(rescues=False)
    together = Machines(TIMING, estimates(0.012, batch=8.0)).now(rescues=False)
    assert alone.turn_s(25) == alone.window_s(25) == together.window_s(25)
    saved_s = alone.turn_s(25) - together.turn_s(25)
    assert saved_s == pytest.approx(0.004 * 7 / 8, rel=0.15)


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.3, 2.0])
def test_whoever_speaks_faster_needs_tokens_sooner_and_less_of_the_vocoder(rate: float) -> None:
    known = estimates(0.012)
    for tokens in (5, 10, 25):
        known.vocoder_s.add(tokens, 0.002 + 0.001 * tokens)
    machines, timing = Machines(TIMING, known), TIMING.at(rate)
    plain, machine = machines.now(rescues=False), machines.now(rescues=False, pace=timing.pace)
    assert machine.audio_s == pytest.approx(0.04 / rate, rel=PACE_STEP) == pytest.approx(timing.token_s, rel=PACE_STEP)
    assert (machine.token_s, machine.flow_s(25)) == (plain.token_s, plain.flow_s(25))
    each_s = plain.vocoder_s(25) - plain.vocoder_s(0)
    assert machine.vocoder_s(25) - machine.vocoder_s(0) == pytest.approx(each_s / rate, rel=PACE_STEP)
    first_s = (timing.least_first * timing.samples_per_token - timing.held_back_samples) / timing.sample_rate
    assert LEAST_SOUND_S <= first_s < LEAST_SOUND_S + timing.token_s


def test_rates_are_forecast_as_one_of_few_and_only_the_models_own_as_itself() -> None:
    rates = [0.5 + 0.001 * step for step in range(1501)]
    paces = {TIMING.at(rate).pace for rate in rates}
    assert len(paces) <= 25
    assert all(abs(math.log(TIMING.at(rate).pace / rate)) <= PACE_STEP for rate in rates)
    assert [rate for rate in rates if TIMING.at(rate).pace == 1.0] == [1.0]
    assert TIMING.at(1.0) is TIMING


@pytest.mark.parametrize("largest", [1, 6, 13, 25, 50])
def test_sizes_are_few_and_end_with_the_largest(largest: int) -> None:
    known = sizes.sizes(largest)
    assert known[-1] == largest
    assert list(known) == sorted(set(known))
    assert len(known) <= 16
    for tokens in range(largest + 4):
        assert sizes.at_most(tokens, largest) == max((size for size in known if size <= tokens), default=0)
        assert sizes.at_least(tokens, largest) == min((size for size in known if size >= tokens), default=largest)
