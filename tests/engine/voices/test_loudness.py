from __future__ import annotations

import math

import numpy as np
import pytest

from engine.voices import loudness
from engine.voices.loudness import integrated, normalised
from tests.engine.voices.speech import speech_like

RATE = 24_000


def test_a_full_scale_sine_measures_as_the_standard_says() -> None:
    sine = np.sin(2.0 * np.pi * 997.0 * np.arange(10 * RATE) / RATE).astype(np.float32)
    assert integrated(sine, RATE) == pytest.approx(-3.01, abs=0.1)


def test_gain_adds() -> None:
    wav = speech_like(4.0, RATE)
    assert integrated(0.5 * wav, RATE) == pytest.approx(integrated(wav, RATE) + 20.0 * math.log10(0.5), abs=1e-4)


def test_pauses_do_not_count() -> None:
    wav = speech_like(6.0, RATE)
    with_pauses = np.concatenate([wav, 1e-5 * wav, 0.02 * wav, np.zeros_like(wav)])
    assert integrated(with_pauses, RATE) == pytest.approx(integrated(wav, RATE), abs=0.3)


def test_silence_and_what_is_shorter_than_a_block_have_no_loudness() -> None:
    assert integrated(np.zeros(RATE, np.float32), RATE) == -math.inf
    assert integrated(speech_like(0.3, RATE), RATE) == -math.inf
    silence = np.zeros(RATE, np.float32)
    np.testing.assert_array_equal(normalised(silence, RATE, -27.0), silence)


def test_normalised_is_as_loud_as_wanted() -> None:
    wav = normalised(speech_like(4.0, RATE), RATE, -27.0)
    assert wav.dtype == np.float32
    assert integrated(wav, RATE) == pytest.approx(-27.0, abs=1e-3)


@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_weighting_on_the_unit_circle_is_the_recursion_of_the_filters(rate: int) -> None:
    wav = np.random.default_rng(0).standard_normal(rate // 4).astype(np.float32)
    expected = wav.astype(np.float64)
    for numerator, denominator in (loudness._high_prepared(rate), loudness._high_pass(rate)):
        expected = recursion(expected, numerator, denominator)
    np.testing.assert_allclose(loudness._weighted(wav, rate), expected, atol=1e-9)


def recursion(x: np.ndarray, b: tuple[float, ...], a: tuple[float, ...]) -> np.ndarray:
    y = np.zeros_like(x)
    for n in range(len(x)):
        past = range(1, min(n, 2) + 1)
        y[n] = (b[0] * x[n] + sum(b[k] * x[n - k] - a[k] * y[n - k] for k in past)) / a[0]
    return y
