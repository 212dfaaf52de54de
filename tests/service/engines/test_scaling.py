"""How many engines there are: decided from what is seen of them, at given times."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast
from unittest.mock import AsyncMock

import pytest

from service.engines.dial import Dial
from service.engines.pool import Pool
from service.engines.ray_actor import Phase
from service.engines.ray_cluster import Managed
from service.engines.remote import Remote, State
from service.engines.scaling import Bounds, Change, Cluster, Scaling, Seen, seen

BOUNDS = Bounds(fewest=1, most=3, spare=0.0, grow_after_s=3.0, shrink_after_s=60.0)
NOTHING = Change(0, "", [])


def serving(*used: int, places: int = 10) -> list[Seen]:
    return [Seen(f"{number}", Phase.SERVING, True, places, one) for number, one in enumerate(used)]


def coming(name: str = "new", phase: Phase = Phase.STARTING) -> Seen:
    return Seen(name, phase)


def decided(scaling: Scaling, engines: Sequence[Seen], times: Sequence[float]) -> list[Change]:
    return [scaling.decide(engines, now) for now in times]


def test_the_fewest_are_there_from_the_first() -> None:
    scaling = Scaling(Bounds(fewest=3, most=3))
    assert scaling.decide([], 0.0).add == 3
    assert scaling.decide([coming("a"), coming("b", Phase.WAITING), *serving(0)], 0.5) == NOTHING


def test_one_is_added_when_places_have_run_out_for_a_while() -> None:
    assert [change.add for change in decided(Scaling(BOUNDS), serving(8), (0.0, 2.9, 3.0, 3.5))] == [0, 0, 1, 0]


def test_a_short_rush_adds_nothing() -> None:
    scaling = Scaling(BOUNDS)
    assert scaling.decide(serving(9), 0.0) == NOTHING
    assert scaling.decide(serving(7), 2.0) == NOTHING
    assert scaling.decide(serving(9), 4.0) == NOTHING
    assert scaling.decide(serving(9), 6.9) == NOTHING
    assert scaling.decide(serving(9), 7.0).add == 1


def test_places_that_fall_because_listeners_come_near_to_waiting_count_as_taken() -> None:
    scaling = Scaling(BOUNDS)
    assert [change.add for change in decided(scaling, serving(5, places=10), (0.0, 5.0))] == [0, 0]
    assert [change.add for change in decided(scaling, serving(5, places=6), (6.0, 9.0))] == [0, 1]


def test_nothing_is_added_while_one_is_coming_or_beyond_the_most() -> None:
    assert decided(Scaling(BOUNDS), [*serving(10), coming()], (0.0, 9.0)) == [NOTHING, NOTHING]
    assert decided(Scaling(BOUNDS), serving(10, 10, 10), (0.0, 9.0)) == [NOTHING, NOTHING]


def test_places_that_are_kept_for_moves_are_not_counted() -> None:
    bounds = Bounds(fewest=1, most=3, spare=1.0)
    assert [change.add for change in decided(Scaling(bounds), serving(4, 4), (0.0, 3.0))] == [0, 1]


def test_the_one_that_speaks_least_is_drained_when_the_others_have_had_room_enough_for_long() -> None:
    scaling = Scaling(BOUNDS)
    assert [change.drain for change in decided(scaling, serving(3, 1, 2), (0.0, 59.0, 60.0))] == ["", "", "1"]
    draining = [*serving(3), Seen("1", Phase.DRAINING, True, 10, 1), Seen("2", Phase.SERVING, True, 10, 2)]
    assert decided(scaling, draining, (60.5, 119.0)) == [NOTHING, NOTHING]


def test_never_below_what_runs_or_the_fewest() -> None:
    assert decided(Scaling(BOUNDS), serving(5, 1), (0.0, 1000.0)) == [NOTHING, NOTHING]  # 6 on 10 places are too many
    assert decided(Scaling(BOUNDS), serving(0), (0.0, 1000.0)) == [NOTHING, NOTHING]
    fewest = Scaling(Bounds(fewest=2, most=3))
    assert decided(fewest, serving(0, 0), (0.0, 1000.0)) == [NOTHING, NOTHING]


@pytest.mark.parametrize("used", range(0, 31))
def test_after_a_change_the_other_change_is_not_asked_for(used: int) -> None:
    """Whatever runs: adding one does not make one too many, and draining one does not make one too few."""
    for count in (1, 2):
        each = [min(10, max(0, used - 10 * number)) for number in range(count)]
        grown = decided(Scaling(BOUNDS), serving(*each), (0.0, 3.0))[1].add
        shared = [sum(each) // (count + 1)] * (count + 1)
        shrunk = decided(Scaling(BOUNDS), serving(*shared), (0.0, 60.0))[1].drain
        assert not (grown and shrunk)


def test_one_that_is_still_coming_goes_first() -> None:
    scaling = Scaling(BOUNDS)
    engines = [*serving(1), coming(phase=Phase.WAITING)]
    assert [change.drain for change in decided(scaling, engines, (0.0, 60.0))] == ["", "new"]


def test_one_that_ended_is_replaced_but_not_at_once() -> None:
    scaling = Scaling(BOUNDS)
    assert scaling.decide([Seen("0", Phase.ENDED)], 0.0) == Change(0, "", ["0"])
    assert scaling.decide([], 4.9) == NOTHING
    assert scaling.decide([], 5.0).add == 1


def test_one_that_nobody_hears_is_given_up_before_ray_sees_it() -> None:
    scaling, silent = Scaling(Bounds(fewest=2, most=2)), Seen("x", Phase.SERVING)
    assert scaling.decide([*serving(0), silent], 0.0) == NOTHING
    assert scaling.decide([*serving(0), silent], 14.9) == NOTHING
    assert scaling.decide([*serving(0), silent], 15.0) == Change(0, "", ["x"])
    assert scaling.decide(serving(0), 20.0).add == 1


def test_one_that_was_to_drain_and_is_not_heard_any_more_is_given_up() -> None:
    """Ray had started it again while it drained: nobody used the new one, and nobody ended it, for ever."""
    scaling = Scaling(Bounds(fewest=1, most=2))
    heard, silent = Seen("x", Phase.DRAINING, True, 10, 1), Seen("x", Phase.DRAINING)
    assert decided(scaling, [*serving(0), heard], (0.0, 60.0)) == [NOTHING, NOTHING]
    assert decided(scaling, [*serving(0), silent], (60.5, 75.4)) == [NOTHING, NOTHING]
    assert scaling.decide([*serving(0), silent], 75.5) == Change(0, "", ["x"])


def engine_at(address: str, state: State, reason: str = "") -> Remote:
    engine = Remote(address, Dial(), join=AsyncMock(), changed=lambda: None)
    engine.state, engine.reason = state, reason
    return engine


@pytest.mark.parametrize(
    ("phase", "state", "is_heard"),
    [
        (Phase.SERVING, State.SERVING, True),
        (Phase.SERVING, State.DRAINING, False),  # it takes nothing, and nobody asked it to
        (Phase.SERVING, State.UNFIT, False),
        (Phase.DRAINING, State.SERVING, True),
        (Phase.DRAINING, State.DRAINING, True),
        (Phase.DRAINING, State.CONNECTING, False),
    ],
)
async def test_who_is_heard_and_why_not(phase: Phase, state: State, is_heard: bool) -> None:
    managed = Managed(phase, "a:1", why="the last line of its log")
    cluster = SimpleNamespace(engines={"x": managed})
    pool = SimpleNamespace(engines={"a:1": engine_at("a:1", state, "it is of version 2")})
    (one,) = seen(cast(Cluster, cluster), cast(Pool, pool))
    assert (one.name, one.phase, one.serves) == ("x", phase, is_heard)
    assert one.why == ("" if is_heard else "the last line of its log; it is of version 2")


def test_one_that_is_heard_again_in_time_stays() -> None:
    scaling = Scaling(Bounds(fewest=1, most=1))
    assert scaling.decide([Seen("0", Phase.SERVING)], 0.0) == NOTHING
    assert scaling.decide(serving(0), 10.0) == NOTHING
    assert scaling.decide([Seen("0", Phase.SERVING)], 16.0) == NOTHING
    assert scaling.decide([Seen("0", Phase.SERVING)], 30.9) == NOTHING
