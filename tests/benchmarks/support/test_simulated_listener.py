"""The listener of the benchmarks, on cases worked out by hand."""

from __future__ import annotations

import pytest

from benchmarks.support.simulated_listener import (
    Arrival,
    advised_start_s,
    gap_free_start_s,
    listen,
    prebuffer_s,
    share_within,
    ttfa_s,
)

# Three chunks of half a second; the second comes 0.3 s late for who starts at once, the third 0.4 s late for him then.
LATE = [
    Arrival(ready_s=1.0, audio_s=0.5),
    Arrival(ready_s=1.8, audio_s=0.5, begins_segment=True),
    Arrival(ready_s=2.7, audio_s=0.5),
]


def hinted(*hints: float | None) -> list[Arrival]:
    return [
        Arrival(ready_s=arrival.ready_s, audio_s=arrival.audio_s, hint_s=hint)
        for arrival, hint in zip(LATE, hints, strict=True)
    ]


def test_who_starts_at_once_stands_still_twice() -> None:
    heard = listen(LATE, follow_hints=False)
    assert heard.underruns == pytest.approx((0.3, 0.4))
    assert heard.missing_s == pytest.approx(0.7)
    assert heard.worst_s == heard.inside == pytest.approx(0.4)


def test_the_least_prebuffer_is_all_that_was_missing() -> None:
    assert prebuffer_s(LATE) == pytest.approx(0.7)
    assert gap_free_start_s(LATE) == pytest.approx(1.7)


def test_with_the_least_prebuffer_as_the_hint_nothing_is_missing() -> None:
    heard = listen(hinted(0.7 + 1e-9, None, None), follow_hints=True)
    assert heard.start_s == pytest.approx(1.7)
    assert not heard.underruns


def test_a_hint_that_is_revised_before_playback_moves_its_beginning() -> None:
    assert advised_start_s(hinted(0.8, 0.9, None)) == pytest.approx(1.9)
    assert advised_start_s(hinted(0.8, 0.2, None)) == pytest.approx(1.8)  # not before now


def test_a_hint_that_comes_after_playback_began_changes_nothing() -> None:
    assert advised_start_s(hinted(0.1, 5.0, 5.0)) == pytest.approx(1.1)


def test_a_first_chunk_below_forty_milliseconds_is_no_sound() -> None:
    chunks = [Arrival(ready_s=0.1, audio_s=0.02), Arrival(ready_s=0.3, audio_s=0.02), Arrival(ready_s=0.5, audio_s=1.0)]
    assert ttfa_s(chunks) == 0.3


def test_continuity_counts_an_underrun_of_exactly_the_limit_as_continuous() -> None:
    assert share_within([0.0, 0.05, 0.06, 0.2], 0.05) == 0.5
