"""What of an attack counts as noticed."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.attack.judgement import Figures, Limits, noticed
from benchmarks.attack.neighbour import Heard
from benchmarks.attack.standstill import Stood
from client._clock import Span

QUIET = Figures(gap_s=0.01, ttfa_s=0.1, probe_s=0.02, running_s=0.02, loop_s=0.01, refused=0, failed=())


def during(**changes: float) -> Figures:
    return replace(QUIET, **changes)  # type: ignore[arg-type]


def test_what_stays_within_the_limits_goes_unnoticed() -> None:
    assert noticed(during(gap_s=0.059, ttfa_s=0.199, running_s=0.049), QUIET, Limits()) == []


def test_each_figure_is_noticed_beyond_its_limit() -> None:
    assert noticed(during(gap_s=0.061), QUIET, Limits()) == ["a gap of 61 ms, 51 ms more than without"]
    assert noticed(during(ttfa_s=0.201), QUIET, Limits()) == ["first sound after 201 ms instead of 100 ms"]
    assert noticed(during(running_s=0.051), QUIET, Limits()) == [
        "the clock answered after 51 ms in which the machine ran"
    ]


def test_a_late_first_sound_is_told_with_the_hops_that_took_the_time() -> None:
    quiet = replace(QUIET, hops_ms={"text": 1.0, "t3": 60.0, "flow": 10.0})
    late = replace(QUIET, ttfa_s=0.25, hops_ms={"text": 2.0, "t3": 150.0, "flow": 9.0, "network": 5.0, "vocoder": 0.5})
    (found,) = noticed(late, quiet, Limits())
    assert found == "first sound after 250 ms instead of 100 ms (t3 +90 ms, network +5 ms, text +1 ms)"


def test_a_machine_that_stands_still_is_not_the_attack() -> None:
    """The clock answered after 92 ms with nobody attacking: on a machine whose processors were taken away meanwhile."""
    assert noticed(during(probe_s=0.092, running_s=0.01), QUIET, Limits()) == []


def test_what_stands_still_is_counted_once_and_within_the_question_only() -> None:
    stood = Stood(still=[(50, 120), (100, 130), (110, 115), (180, 300), (500, 600)])
    assert stood.within(Span(100, 200)) == 30 + 20
    assert Stood(still=[]).within(Span(100, 200)) == 0


def test_slack_widens_the_limits() -> None:
    worse = during(gap_s=0.1, ttfa_s=0.3, running_s=0.09)
    assert len(noticed(worse, QUIET, Limits())) == 3
    assert noticed(worse, QUIET, Limits(), slack=2.0) == []


def test_a_failed_call_and_a_neighbour_who_heard_nothing_are_noticed() -> None:
    nothing = Figures.of(Heard(failed=["the server failed"]))
    assert noticed(nothing, QUIET, Limits(), slack=10.0)[0] == "failed: the server failed"
    assert len(noticed(nothing, QUIET, Limits(), slack=10.0)) == 4


def test_the_worst_gap_and_the_median_first_sound_count() -> None:
    heard = Heard(
        gaps_s=[0.0, 0.3], ttfa_s=[0.1, 0.1, 5.0], probes_s=[0.001, 0.03], running_s=[0.001, 0.02], loop_s=0.02
    )
    assert Figures.of(heard) == Figures(
        gap_s=0.3, ttfa_s=0.1, probe_s=0.03, running_s=0.02, loop_s=0.02, refused=0, failed=()
    )
