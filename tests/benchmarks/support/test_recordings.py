"""A recording is compared with what was played."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.support.recordings import Gap, Samples, compare, not_in, silences

RATE = 8000
TOLERANCE = 1e-3


@pytest.fixture
def played() -> Samples:
    """Three seconds of noise that swells and ebbs, after a silent beginning."""
    noise = np.random.default_rng(5).standard_normal(3 * RATE) * (0.2 + 0.1 * np.sin(np.arange(3 * RATE) / 900))
    noise[:500] = 0.0
    return noise.astype(np.float32)


def recording(*pieces: Samples) -> Samples:
    rest = np.zeros(RATE // 2, np.float32)
    return np.concatenate([rest, *pieces, rest])


def test_the_same_sound_is_found_and_equal(played: Samples) -> None:
    found = compare(played, recording(played + np.float32(1e-4)), RATE, TOLERANCE)
    assert found is not None
    assert (found.begins, found.gaps, found.altered, found.lost) == (RATE // 2, (), 0, 0)
    assert found.greatest_error == pytest.approx(1e-4, rel=0.01)


def test_a_gap_is_told_with_its_place_and_length(played: Samples) -> None:
    silence = np.zeros(97, np.float32)
    heard = recording(played[:9000], silence, played[9000:20_000], silence, silence, played[20_000:])
    found = compare(played, heard, RATE, TOLERANCE)
    assert found is not None
    assert found.gaps == (Gap(9000, 97), Gap(20_000, 194))
    assert (found.altered, found.lost) == (0, 0)


def test_samples_that_were_changed_are_counted(played: Samples) -> None:
    heard = played.copy()
    heard[9000:9030] = 0.9
    found = compare(played, recording(heard), RATE, TOLERANCE)
    assert found is not None
    assert (found.gaps, found.altered, found.lost) == ((Gap(9000, 0),), 30, 0)


def test_a_part_that_was_skipped_is_lost(played: Samples) -> None:
    found = compare(played, recording(played[:9000], played[9300:]), RATE, TOLERANCE)
    assert found is not None
    assert found.gaps[0].at == 9000
    assert sum(gap.length for gap in found.gaps) == -300
    assert found.lost >= 300


def test_another_sound_is_not_found(played: Samples) -> None:
    assert compare(played, recording(played[::-1].copy()), RATE, TOLERANCE) is None


def test_sound_that_ends_too_soon_is_lost(played: Samples) -> None:
    found = compare(played, recording(played[:20_000]), RATE, TOLERANCE)
    assert found is not None
    assert found.lost == pytest.approx(4000, rel=0.1)


def test_a_silence_counts_if_the_other_rendering_speaks_there(played: Samples) -> None:
    broken = played.copy()
    broken[9000:9100] = 0.0
    broken[12_000:12_030] = 0.0
    stretches = silences(broken, RATE, 0.005)
    assert stretches == [(9000, 9100)], "30 samples are less than 5 ms"
    assert not_in(played, stretches, RATE) == stretches
    assert not_in(broken, stretches, RATE) == []
