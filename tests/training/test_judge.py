"""What the judge counts; its ears are packages that tests do without."""

from __future__ import annotations

import numpy as np
import pytest

from training.judge import is_cut_off, is_silent, level_above, plain_words, semitones, word_errors


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


def test_silence_and_a_cut_are_noticed() -> None:
    tone = (0.3 * np.sin(np.arange(24_000))).astype(np.float32)
    ended = np.concatenate([tone, np.zeros(2_400, np.float32)])
    assert is_silent(np.zeros_like(tone))
    assert not is_silent(tone)
    assert is_cut_off(tone, 24_000)
    assert not is_cut_off(ended, 24_000)


def test_pitch_in_semitones() -> None:
    time = np.arange(24_000, dtype=np.float32) / 24_000
    wav = sum(np.sin(2 * np.pi * 110 * harmonic * time) / harmonic for harmonic in range(1, 10))
    assert np.median(semitones(0.2 * np.asarray(wav, np.float32))) == pytest.approx(12 * np.log2(110), abs=0.1)
