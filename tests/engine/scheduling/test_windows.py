"""Windows by deadline: as late and as large as the listener allows, first ones as small as gap-free playback allows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from engine.scheduling import sizes
from engine.scheduling.playback import Machine
from engine.scheduling.windows import (
    COMFORT_S,
    SLACK_S,
    SegmentStatus,
    Window,
    deadline_window,
    spare_lookahead,
    tokens_wanted,
)

MACHINE = Machine(
    token_s=0.02, flow_s=lambda tokens: 0.01 + 0.001 * tokens, audio_s=0.04, held_back_s=0.08, lookahead=3, largest=25
)
LEAST = 4
RUNNING = SegmentStatus(waiting=10, closed=False, coming=50, fresh=False, lead_s=1.0, others=0)


def _costs(seconds: float, tokens: int) -> float:
    return seconds


def plan(head: SegmentStatus, machine: Machine = MACHINE) -> Window | float | None:
    return deadline_window(head, machine, LEAST)


def test_a_window_waits_while_the_listener_has_enough() -> None:
    wait_s = plan(RUNNING)
    assert wait_s == pytest.approx(1.0 - MACHINE.window_s(7) - SLACK_S)


def test_a_window_runs_when_its_audio_would_come_late_otherwise() -> None:
    assert plan(replace(RUNNING, lead_s=0.06)) == Window(n_new=7, lookahead=3, final=False)


def test_others_in_front_make_a_window_run_sooner() -> None:
    assert isinstance(plan(replace(RUNNING, lead_s=0.2)), float)
    assert isinstance(plan(replace(RUNNING, lead_s=0.2, others=20)), Window)


def test_in_company_a_window_is_made_sooner_by_one_that_may_just_have_begun() -> None:
    alone_s, among_others_s = plan(RUNNING), plan(replace(RUNNING, others_running=True))
    assert isinstance(alone_s, float)
    assert among_others_s == pytest.approx(alone_s - MACHINE.window_s(25))


def test_a_full_window_runs_at_once() -> None:
    assert plan(replace(RUNNING, waiting=40)) == Window(n_new=25, lookahead=3, final=False)


def test_without_a_token_beyond_the_lookahead_there_is_nothing_to_run() -> None:
    assert plan(replace(RUNNING, waiting=3, lead_s=0.0)) is None


@pytest.mark.parametrize("waiting", [0, 1, 28])
def test_what_is_left_of_a_closed_segment_is_one_final_window(waiting: int) -> None:
    assert plan(replace(RUNNING, waiting=waiting, closed=True)) == Window(n_new=waiting, lookahead=0, final=True)
    assert plan(replace(RUNNING, waiting=29, closed=True)) == Window(n_new=25, lookahead=3, final=False)


def test_a_first_window_is_as_small_as_gap_free_playback_allows() -> None:
    first = replace(RUNNING, fresh=True, lead_s=None, waiting=0)
    sizes = {}
    for name, window_s in (("fast", 0.002), ("slow", 0.15)):
        machine = replace(MACHINE, flow_s=partial(_costs, window_s))
        windows = [plan(replace(first, waiting=waiting), machine) for waiting in range(28)]
        sizes[name] = next(window.n_new for window in windows if isinstance(window, Window))
    assert LEAST <= sizes["fast"] < sizes["slow"]


@pytest.mark.parametrize("window_s", [0.002, 0.15])
def test_with_its_first_token_it_is_known_how_many_a_first_window_needs(window_s: float) -> None:
    """It was known only once the smallest one could have been run. T3 had begun with another's text by then, 15 ms of
    it, and a neighbour's first window waited for its last two tokens."""
    machine = replace(MACHINE, flow_s=partial(_costs, window_s))

    def drawn(tokens: int) -> SegmentStatus:
        return replace(RUNNING, fresh=True, lead_s=None, waiting=tokens, coming=50 - tokens)

    wanted = tokens_wanted(drawn(1), machine, LEAST)
    assert plan(drawn(wanted - 1), machine) is None
    assert isinstance(plan(drawn(wanted), machine), Window)


def test_a_machine_slower_than_speech_waits_between_segments_and_not_inside_them() -> None:
    """Inside one only where its listener has run out already: once, instead of again and again."""
    slow = replace(MACHINE, token_s=0.06)
    starved = replace(RUNNING, fresh=True, lead_s=-0.5, waiting=10, coming=40)
    assert plan(starved, slow) is None
    assert isinstance(plan(replace(starved, fresh=False, lead_s=0.01), slow), Window)
    assert plan(replace(starved, fresh=False), slow) is None
    assert isinstance(plan(replace(starved, waiting=27, coming=5), slow), Window)


def test_where_others_are_short_of_time_a_window_lasts_until_its_next_turn_and_no_longer() -> None:
    """Ten utterances began at once: each was given a full window in turn, and the last ones had run out long before."""
    machine = replace(MACHINE, flow_s=partial(_line, 0.008, 0.0014))
    crowded = replace(RUNNING, waiting=40, lead_s=0.1, urgent=7, spare_s=0.0)
    window = plan(crowded, machine)
    assert isinstance(window, Window)
    round_s = 8 * machine.window_s(window.n_new)
    assert round_s < window.n_new * machine.audio_s < 2 * round_s
    assert plan(replace(crowded, urgent=0), machine) == Window(n_new=25, lookahead=3, final=False)
    assert plan(replace(crowded, urgent=40), machine) == Window(n_new=25, lookahead=3, final=False), "hopeless anyway"
    spare = plan(replace(crowded, spare_s=machine.window_s(18)), machine)
    assert spare == Window(n_new=16, lookahead=3, final=False), "as much as nobody is late for"
    first = plan(replace(crowded, lead_s=None, fresh=True), machine)
    assert isinstance(first, Window)
    assert window.n_new <= first.n_new < 25, "no less than lasts until its next turn, and not all that is there"


BATCHING = replace(MACHINE, flow_s=lambda tokens: 0.004 + 0.0001 * tokens, flow_batch=16.0)


def test_a_batch_costs_less_than_its_windows_one_by_one() -> None:
    """Thirty-two listeners were served together, and each was given a few tokens as if they took turns: more windows
    than Python had time for, and all of them late."""
    crowded = replace(RUNNING, waiting=40, lead_s=0.1, urgent=20, spare_s=0.0)
    alone, together = plan(crowded, replace(BATCHING, flow_batch=1.0)), plan(crowded, BATCHING)
    assert isinstance(alone, Window)
    assert isinstance(together, Window)
    assert alone.n_new < 10 < together.n_new
    waits = replace(RUNNING, lead_s=0.15, others=30)
    assert isinstance(plan(waits, replace(BATCHING, flow_batch=1.0)), Window)
    assert isinstance(plan(waits, BATCHING), float)


def test_who_has_audio_enough_lets_those_go_first_who_are_short_of_time() -> None:
    """He was given windows of one token, so that nobody had to wait for him, with three seconds of audio in hand."""
    in_hurry = replace(RUNNING, waiting=40, urgent=7, spare_s=MACHINE.window_s(25) / 2)
    assert plan(replace(in_hurry, lead_s=3.0)) == pytest.approx(3.0 - COMFORT_S)
    assert plan(replace(in_hurry, lead_s=3.0, spare_s=1.0)) == Window(n_new=25, lookahead=3, final=False)
    assert isinstance(plan(replace(in_hurry, lead_s=0.1)), Window)
    tail = replace(in_hurry, closed=True, waiting=5, lead_s=3.0)
    assert plan(tail) == Window(n_new=5, lookahead=0, final=True), "small enough that nobody is late for it"


def test_in_a_crowd_a_late_window_is_no_crumb() -> None:
    """Windows of one token each were late again at once, and everybody with them."""
    late = replace(RUNNING, lead_s=-0.05, urgent=20, spare_s=-1.0)
    assert plan(replace(late, waiting=4), BATCHING) is None
    assert isinstance(plan(replace(late, waiting=12), BATCHING), Window)
    assert plan(replace(late, waiting=4, urgent=0), BATCHING) == Window(n_new=1, lookahead=3, final=False)


@pytest.mark.parametrize("waiting", range(8, 28))
def test_windows_have_few_sizes(waiting: int) -> None:
    window = plan(replace(RUNNING, waiting=waiting, lead_s=0.0))
    assert isinstance(window, Window)
    assert window.n_new in sizes.sizes(25)
    assert window.n_new <= waiting - 3 < 1.34 * window.n_new


def _line(a: float, b: float, tokens: int) -> float:
    return a + b * tokens


IN_NEED = replace(MACHINE, token_s=0.025, spare_lookahead=3)


@pytest.mark.parametrize(("waiting", "seen"), [(1, 0), (2, 1), (3, 2)])
def test_a_window_that_would_come_late_goes_without_the_lookahead_that_is_not_there(waiting: int, seen: int) -> None:
    late = replace(RUNNING, waiting=waiting, lead_s=0.03)
    assert plan(late) is None
    assert plan(late, IN_NEED) == Window(n_new=1, lookahead=seen, final=False)
    assert isinstance(plan(replace(late, lead_s=0.5), IN_NEED), float)


def test_it_keeps_some_lookahead_where_not_all_may_be_missing() -> None:
    two_missing = replace(MACHINE, spare_lookahead=2)
    assert plan(replace(RUNNING, waiting=1, lead_s=0.0), two_missing) is None
    assert plan(replace(RUNNING, waiting=2, lead_s=0.0), two_missing) == Window(n_new=1, lookahead=1, final=False)


def test_a_window_without_its_lookahead_still_lasts_longer_than_it_takes() -> None:
    slow = replace(IN_NEED, flow_s=lambda tokens: 0.05)
    assert plan(replace(RUNNING, waiting=3, lead_s=0.0), slow) == Window(n_new=2, lookahead=1, final=False)


def test_a_first_window_need_not_wait_for_its_lookahead() -> None:
    first = replace(RUNNING, fresh=True, lead_s=None, waiting=LEAST)
    assert plan(first) is None
    assert plan(first, IN_NEED) == Window(n_new=LEAST, lookahead=0, final=False)
    assert plan(replace(first, waiting=LEAST + 2), IN_NEED) == Window(n_new=LEAST, lookahead=2, final=False)


def test_lookahead_is_spared_where_it_is_waited_for_and_made_up_for() -> None:
    at = {token_s: spare_lookahead(replace(MACHINE, token_s=token_s)) for token_s in (0.003, 0.02, 0.03, 0.033, 0.05)}
    assert at == {0.003: 0, 0.02: 3, 0.03: 3, 0.033: 0, 0.05: 0}
