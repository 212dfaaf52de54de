"""Mel, pitch and speech tokens of made-up signals."""

from __future__ import annotations

import numpy as np
import pytest

from training import features
from training.features import Floats, Normalisation

SECOND = features.SAMPLE_RATE


def tone(hz: float, seconds: float = 0.8, harmonics: int = 8) -> Floats:
    time = np.arange(round(seconds * SECOND)) / SECOND
    waves = [np.sin(2 * np.pi * hz * k * time) / k for k in range(1, harmonics + 1)]
    return np.asarray(0.2 * np.sum(waves, axis=0), np.float32)


def normalisation(formants: float = 1.0, f0: float = 100.0) -> Normalisation:
    zeros, ones = np.zeros(features.CEPSTRA, np.float32), np.ones(features.CEPSTRA, np.float32)
    return Normalisation(formants, f0, zeros, ones, zeros, ones)


def test_two_mel_frames_and_two_pitches_per_token() -> None:
    wav = tone(120.0, seconds=1.0)
    assert features.mel_spectrogram(wav).shape == (50, features.MELS)
    assert features.fundamental(wav).shape == (50,)


def test_silence_is_the_floor() -> None:
    mel = features.mel_spectrogram(np.zeros(SECOND, np.float32))
    assert np.allclose(mel, np.log(features.MEL_FLOOR))


def test_filters_have_unit_area_and_a_sine_lands_in_its_bin() -> None:
    filters = features.mel_filters()
    width = SECOND / features.N_FFT
    assert np.allclose(filters.sum(axis=0)[40:] * width, 1.0, atol=0.05)
    mel = features.mel_spectrogram(tone(1_000.0, harmonics=1))
    expected = int(filters[round(1_000.0 / width)].argmax())
    assert int(mel[20].argmax()) == expected


@pytest.mark.parametrize("hz", [82.0, 100.0, 147.0, 205.0, 260.0, 330.0])
def test_pitch_of_a_tone(hz: float) -> None:
    f0 = features.fundamental(tone(hz))[3:-3]
    assert np.allclose(f0, hz, rtol=0.01)


def test_noise_and_silence_have_no_pitch() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, SECOND).astype(np.float32)
    assert (features.fundamental(noise) > 0).mean() < 0.1
    assert not features.fundamental(np.zeros(SECOND, np.float32)).any()


def test_features_are_deterministic() -> None:
    wav = tone(150.0)
    one, two = (
        features.code_features(features.mel_spectrogram(wav), features.fundamental(wav), normalisation())
        for _ in range(2)
    )
    assert np.array_equal(one, two)
    assert one.shape == (20, 2 * (features.CEPSTRA + 2))


def test_silence_has_the_same_features_in_every_voice() -> None:
    mel = np.full((2, features.MELS), np.log(features.MEL_FLOOR), np.float32)
    ones = np.ones(features.CEPSTRA, np.float32)
    other = Normalisation(1.1, 200.0, 3.0 * ones, 2.0 * ones, 5.0 * ones, 7.0 * ones)
    f0 = np.zeros(2, np.float32)
    assert np.allclose(features.code_features(mel, f0, normalisation()), features.code_features(mel, f0, other))


def test_pitch_counts_relative_to_the_voice() -> None:
    mel = np.zeros((2, features.MELS), np.float32)
    low = features.code_features(mel, np.full(2, 110.0, np.float32), normalisation(f0=100.0))
    high = features.code_features(mel, np.full(2, 220.0, np.float32), normalisation(f0=200.0))
    assert np.allclose(low, high, atol=1e-4)


def test_codebook_finds_clusters_and_is_seeded() -> None:
    rng = np.random.default_rng(1)
    centres = rng.normal(0, 10, (8, 4)).astype(np.float32)
    points = (centres[rng.integers(0, 8, 2_000)] + rng.normal(0, 0.1, (2_000, 4))).astype(np.float32)
    codebook = features.fit_codebook(points, 32, seed=3)
    assert np.array_equal(codebook, features.fit_codebook(points, 32, seed=3))
    figures = features.codebook_figures(points, codebook)
    assert figures["explained_variance"] > 0.99
    assert 1.0 < figures["perplexity"] <= 32.0
    assert np.array_equal(features.nearest(codebook, codebook), np.arange(32))
