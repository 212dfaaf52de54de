"""What counts as normal."""

from __future__ import annotations

import pytest

from client._clock import Span
from client.attribution.baseline import Normal, Run
from client.attribution.durations import Step
from client.attribution.hops import Hop
from tests.client.conftest import MS


def step(hop: Hop, ms: float, work: int = 0, kind: str = "next", known: bool = False) -> Step:
    return Step(hop=hop, kind=kind, chunk=0, span=Span(0, round(ms * MS)), work=work, known=known)


def taught(*steps: Step, round_trip_ms: float = 1.0) -> Run:
    return Run.of(steps, round(round_trip_ms * MS), first_sound_ns=300 * MS, missing_ns=0)


def expected_ms(normal: Normal, asked: Step) -> float:
    return normal.expected(asked).ns / MS


def test_the_median_of_the_same_work_is_normal() -> None:
    normal = Normal.from_clean([taught(step(Hop.FLOW, ms, work=25)) for ms in (30, 31, 90)])
    assert expected_ms(normal, step(Hop.FLOW, 500, work=25)) == 31


def test_other_amounts_of_work_lie_on_the_line_through_what_is_known() -> None:
    """A stage costs something each time and something for each token."""
    runs = [taught(*[step(Hop.FLOW, 10 + 2 * work, work=work) for work in (6, 12, 25)])]
    assert expected_ms(Normal.from_clean(runs), step(Hop.FLOW, 1, work=50)) == pytest.approx(110)


def test_one_outlier_does_not_move_the_line() -> None:
    steps = [step(Hop.FLOW, 10 + 2 * work, work=work) for work in (3, 6, 12, 19, 25)]
    steps.append(step(Hop.FLOW, 900, work=15))
    own = Normal.from_itself(taught(*steps))
    assert expected_ms(own, step(Hop.FLOW, 900, work=15)) == pytest.approx(40, abs=2)


def test_slower_than_the_sound_is_never_normal_by_itself() -> None:
    own = Normal.from_itself(taught(*[step(Hop.T3, 1300, work=25) for _ in range(5)]))
    assert expected_ms(own, step(Hop.T3, 1300, work=25)) == 1000


def test_but_it_is_where_clean_utterances_say_so() -> None:
    learned = Normal.from_clean([taught(*[step(Hop.T3, 1300, work=25) for _ in range(5)])])
    assert expected_ms(learned, step(Hop.T3, 1300, work=25)) == 1300


def test_the_first_window_is_compared_with_the_later_ones_where_there_is_no_other() -> None:
    steps = [step(Hop.FLOW, 10 + 2 * work, work=work) for work in (6, 12, 25, 25)]
    own = Normal.from_itself(taught(step(Hop.FLOW, 700, work=9, kind="first"), *steps))
    assert expected_ms(own, step(Hop.FLOW, 700, work=9, kind="first")) == pytest.approx(28, abs=1)


def test_what_happens_once_has_a_usual_length_and_a_margin() -> None:
    opening = step(Hop.DEVICE_OPEN, 100, kind="open")
    expected = Normal.from_itself(taught(opening)).expected(opening)
    assert expected.ns < opening.span.length_ns < expected.ns + expected.margin_ns


def test_a_wait_that_should_not_be_is_normal_at_no_length() -> None:
    """Two chunks that waited long for the flow do not make waiting normal."""
    waits = [step(Hop.TOKENS, 500, kind="wait"), step(Hop.TOKENS, 400, kind="wait")]
    assert expected_ms(Normal.from_itself(taught(*waits)), waits[0]) == 0


def test_steps_whose_cause_was_seen_teach_nothing() -> None:
    run = taught(step(Hop.SERVER_LOOP, 500, known=True))
    assert run.samples == {}


def test_what_was_learned_survives_the_file() -> None:
    run = taught(step(Hop.FLOW, 30, work=25), step(Hop.T3, 100, work=25, kind="first"))
    assert Run.from_json(run.to_json()) == run


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"samples": [["mouth", "x", 1, 2]]}'])
def test_a_file_of_something_else_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Run.from_json(text)
