"""Sharpening: spectra get the relief that the flow blurred, inside the vocoder's first layer."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import torch

from engine.networks.convs import Walk
from engine.networks.pulse.pulse import PulseConfig, PulseVocoder
from training.features import CEPSTRA, Floats
from training.sharpening import MOST, Relief, sharpen

FRAMES = 400


@pytest.fixture(scope="module")
def true() -> Floats:
    cepstra = np.random.default_rng(0).normal(size=(FRAMES, 80)) * np.linspace(4.0, 0.5, 80)
    cepstra[:, 0] -= 5.0 * 80**0.5
    return np.asarray(scipy.fft.idct(cepstra, norm="ortho", axis=1), np.float32)


def blurred(true: Floats, share: float) -> Floats:
    """Every coefficient but the loudness keeps this share of its spread."""
    cepstra = scipy.fft.dct(true, norm="ortho", axis=1)
    cepstra[:, 1:] = share * cepstra[:, 1:] + (1 - share) * cepstra[:, 1:].mean(0)
    return np.asarray(scipy.fft.idct(cepstra, norm="ortho", axis=1), np.float32)


def test_what_is_blurred_evenly_is_restored(true: Floats) -> None:
    relief = Relief.measured(blurred(true, 0.8), true, strength=1.0)
    assert relief.gain[1:CEPSTRA] == pytest.approx(1 / 0.8, rel=1e-3)
    assert relief.gain[0] == 1.0
    assert relief.gain[CEPSTRA:] == pytest.approx(1.0)
    made = blurred(true, 0.8)
    restored = relief.mean + (made - relief.mean) @ relief.matrix.T
    reached, wanted = (scipy.fft.dct(mel, norm="ortho", axis=1)[:, 1:CEPSTRA].std(0) for mel in (restored, true))
    assert np.allclose(reached, wanted, rtol=1e-3)


def test_true_mels_stay_and_no_gain_is_beyond_measure(true: Floats) -> None:
    assert np.allclose(Relief.measured(true, true, strength=1.0).matrix, np.eye(80), atol=1e-5)
    assert Relief.measured(blurred(true, 0.01), true).gain.max() == pytest.approx(MOST)


def test_strength_is_a_factor_of_the_envelope_s_gain(true: Floats) -> None:
    once, more = (Relief.measured(blurred(true, 0.8), true, strength).gain for strength in (1.0, 1.1))
    envelope = slice(1, CEPSTRA)
    assert more[envelope] == pytest.approx(1.1 * once[envelope], rel=1e-5)
    assert more[0] == once[0] == 1.0


@torch.inference_mode()
def test_the_first_layer_hears_the_sharpened_mel(true: Floats) -> None:
    vocoder = PulseVocoder(PulseConfig(width=16, hidden=16, mel_blocks=1, blocks=1))
    config, relief = vocoder.config, Relief.measured(blurred(true, 0.8), true)
    mel = torch.from_numpy(blurred(true, 0.7)[:30].T.copy())[None]
    mean, matrix = torch.from_numpy(relief.mean)[:, None], torch.from_numpy(relief.matrix)
    by_hand = (mean + matrix @ (mel - mean) - config.mel_mean) / config.mel_deviation
    wanted = vocoder.front(by_hand, Walk(None, final=True))
    sharpen(vocoder, relief)
    heard = vocoder.front((mel - config.mel_mean) / config.mel_deviation, Walk(None, final=True))
    inside = slice(config.taps, -config.taps)  # what lies beyond the ends is silence to one and the mean to the other
    assert torch.allclose(heard[..., inside], wanted[..., inside], atol=1e-4)
