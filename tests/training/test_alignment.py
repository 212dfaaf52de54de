"""Every token says one symbol, and no phoneme is left out."""

from __future__ import annotations

import numpy as np

from training.alignment import spoken

TOKEN = 960


def lasting(*samples: int) -> np.ndarray:
    return np.cumsum(samples)


def test_the_longer_part_of_a_token_decides() -> None:
    said = spoken("ab", lasting(960, 1900, 1940, 960), TOKEN, 6)
    assert said.tolist() == [-1, 0, 0, 1, 1, 2]


def test_a_phoneme_shorter_than_half_a_token_has_one() -> None:
    ends = lasting(960, 1700, 300, 1840, 960)
    assert spoken("atb", ends, TOKEN, 6).tolist() == [-1, 0, 1, 2, 2, 3]


def test_a_short_pause_between_words_has_none() -> None:
    ends = lasting(960, 1700, 300, 1840, 960)
    assert 1 not in spoken("a b", ends, TOKEN, 6)


def test_a_stress_mark_belongs_to_what_it_marks() -> None:
    ends = lasting(960, 960, 960, 960, 960)
    assert spoken("aˈb", ends, TOKEN, 5).tolist() == [-1, 0, 0, 2, 3] or 1 not in spoken("aˈb", ends, TOKEN, 5)


def test_of_more_phonemes_than_tokens_some_are_left_out() -> None:
    said = spoken("abcdefgh", lasting(*[240] * 10), TOKEN, 3)
    assert len(said) == 3
    assert (np.diff(said) >= 0).all()
