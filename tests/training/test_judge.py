"""What the judge counts; its ears are packages that tests do without."""

from __future__ import annotations

import numpy as np
import pytest

from training.judge import level_above, plain_words, word_errors


def test_words_are_compared_without_marks_and_with_numbers_spelled_out() -> None:
    assert plain_words("Wait, there are 24!") == plain_words("wait there are twenty four")


@pytest.mark.parametrize(
    ("heard", "errors"), [("a b c", 0), ("a c", 1), ("a x c", 1), ("a b b c", 1), ("", 3), ("x y z a", 4)]
)
def test_word_errors_are_the_fewest_changes(heard: str, errors: int) -> None:
    assert word_errors(["a", "b", "c"], heard.split()) == errors


def test_level_above_8_khz() -> None:
    time = np.arange(24_000, dtype=np.float32) / 24_000
    both = np.sin(2 * np.pi * 1_000 * time) + 0.1 * np.sin(2 * np.pi * 9_000 * time)
    assert level_above(both.astype(np.float32), 24_000) == pytest.approx(-20.0, abs=0.1)
