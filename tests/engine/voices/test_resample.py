from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.voices.resample import Floats, resample, windowed_sinc


def sine(frequency: float, rate: int, n: int) -> Floats:
    return np.sin(2.0 * np.pi * frequency * np.arange(n) / rate).astype(np.float32)


def by_sinc(wav: Floats, rate: int, target: int) -> Floats:
    return windowed_sinc(torch.from_numpy(wav), rate, target).numpy()


@pytest.mark.parametrize("way", [resample, by_sinc])
@pytest.mark.parametrize("n", [23_998, 23_999, 24_000])
def test_a_tone_stays_the_same_tone(way, n: int) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    made = way(sine(1_000.0, 24_000, n), 24_000, 16_000)
    assert made.dtype == np.float32
    assert len(made) == math.ceil(n * 2 / 3)
    expected = sine(1_000.0, 16_000, len(made))
    np.testing.assert_allclose(made[200:-200], expected[200:-200], atol=5e-3)


@pytest.mark.parametrize("way", [resample, by_sinc])
def test_a_tone_above_the_new_nyquist_frequency_is_gone(way) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    made = way(sine(10_500.0, 24_000, 24_000), 24_000, 16_000)
    assert np.abs(made[200:-200]).max() < 0.02


def test_the_same_rate_changes_nothing() -> None:
    wav = sine(440.0, 24_000, 1_000)
    np.testing.assert_array_equal(resample(wav, 24_000, 24_000), wav)


@pytest.mark.parametrize(("rate", "target"), [(24_000, 16_000), (44_100, 24_000), (8_000, 24_000)])
def test_windowed_sinc_by_definition(rate: int, target: int) -> None:
    """Output j lies at time j / target; an impulse at time i / rate is heard there as the kernel says."""
    wav = np.zeros(60, np.float32)
    wav[30] = 1.0
    made = by_sinc(wav, rate, target)
    cutoff = 0.99 * min(rate, target)  # zero crossings per second
    for j, value in enumerate(made):
        distance = (j / target - 30 / rate) * cutoff
        inside = abs(distance) < 6.0
        window = math.cos(math.pi * distance / 12.0) ** 2 if inside else 0.0
        assert value == pytest.approx(window * float(np.sinc(distance)) * cutoff / rate, abs=1e-6)
