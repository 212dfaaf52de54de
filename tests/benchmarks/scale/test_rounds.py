"""What was promised of a death: the benchmark says so where it is not kept."""

from __future__ import annotations

import pytest

from benchmarks.scale.rounds import Moved, Round, told


@pytest.mark.parametrize(
    "one",
    [
        Moved(in_hand_s=0.5, away_s=0.4, gap_s=0.0),
        Moved(in_hand_s=0.5, away_s=0.7, gap_s=0.2),
        Moved(in_hand_s=1.2, away_s=0.7, gap_s=0.0),
    ],
)
def test_a_gap_as_long_as_the_way_to_another_engine_is_no_more_than_was_promised(one: Moved) -> None:
    assert not list(Round("kill", struck=1, moves=1, moved=[one], others_gaps_s=[0.0]).broken())


@pytest.mark.parametrize(
    ("one", "told_of"),
    [
        (Round("kill", struck=1, moved=[Moved(in_hand_s=0.5, away_s=0.7, gap_s=0.3)]), "0.300 s: 0.500 s were in hand"),
        (Round("kill", struck=1, moved=[Moved(in_hand_s=1.2, away_s=1.5, gap_s=0.3)]), "1.200 s were in hand"),
        (Round("kill", struck=1, others_gaps_s=[0.0, 0.05]), "whose engine lived"),
        (Round("kill", struck=1, places_left=2), "2 places"),
        (Round("kill", struck=1, wrong=["9 samples, not 8"]), "9 samples"),
        (Round("none", moves=1), "1 moves, and nothing had died"),
        (Round("kill", struck=1, false_moves=2, moves=1), "2 moves, and nothing had died"),
    ],
)
def test_what_was_not_kept_is_told(one: Round, told_of: str) -> None:
    (what,) = one.broken()
    assert told_of in what
    assert what in told(one.kind, [one])
