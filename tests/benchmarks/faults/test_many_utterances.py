"""What is told of a soak."""

from __future__ import annotations

import pytest

from benchmarks.faults.many_utterances import Soaked, report


def test_memory_is_told_on_the_way_and_compared_from_the_first_tenth_on() -> None:
    soaked = Soaked(ttfa_s=[0.1] * 100 + [0.2] * 100, rtf=[0.1] * 200)
    soaked.resident_mb = [(100, 500.0), (200, 505.0), (500, 506.0), (1000, 507.0), (2000, 515.1)]
    found = report(soaked, left=0)
    assert found["resident_mb"] == {100: 500.0, 200: 505.0, 1000: 507.0, 2000: 515.1}
    assert found["growth"] == pytest.approx(0.02)
    assert found["ttfa_s"] == (0.1, 0.2)
