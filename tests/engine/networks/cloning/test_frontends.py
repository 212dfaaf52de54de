"""Front ends of cloning, against values worked out by hand and laws of their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.networks.cloning import frontends
from tests.engine.voices.speech import speech_like


def speech(rate: int = 16_000, seconds: float = 1.0) -> Tensor:
    return torch.from_numpy(speech_like(seconds, rate))[None]


def sine(frequency: float, rate: int, amplitude: float = 1.0) -> Tensor:
    return amplitude * torch.sin(2.0 * math.pi * frequency * torch.arange(rate) / rate)[None]


def test_slaney_bands_are_linear_below_a_kilohertz_and_logarithmic_above() -> None:
    edges = frontends.slaney_edges(n_bands=43, top=6_400.0)  # 15 mel to 1 kHz, 27 more to 6.4 kHz, and 44 steps
    step = 42.0 / 44.0
    assert edges[1] == pytest.approx(step * 200.0 / 3.0)
    assert edges[-1] == pytest.approx(6_400.0)
    assert edges[-2] == pytest.approx(6_400.0 * 6.4 ** (-step / 27.0))


def test_slaney_triangles_have_unit_area() -> None:
    filters = frontends.slaney_filters(24_000, 1_920, 80, 8_000.0)
    assert filters.shape == (961, 80)
    np.testing.assert_allclose(filters.sum(axis=0)[40:] * 12.5, 1.0, rtol=0.02)  # wide bands: the sum is the integral


def test_the_voice_encoder_hears_the_power_of_a_tone_in_three_bins() -> None:
    mel = frontends.voice_encoder_mel(sine(1_000.0, 16_000, amplitude=0.5))
    assert mel.shape == (1, 101, 40)
    filters = frontends.slaney_filters(16_000, 400, 40, 8_000.0)
    power = np.array([25.0, 50.0, 25.0]) ** 2  # amplitude / 2 * the window's sum; a Hann window leaks half to each side
    np.testing.assert_allclose(mel[0, 50], power @ filters[24:27], rtol=1e-3, atol=1e-3)


def test_filter_bank_of_one_window_by_definition() -> None:
    wav = speech()
    frames = wav[0, 3_200:4_000].double().numpy()
    energies = np.stack([kaldi_energies(frames[:400]), kaldi_energies(frames[160:560])])
    expected = np.log(np.maximum(energies, 2.0**-23))
    ours = frontends.fbank(wav)[0, 20:22].double().numpy()
    np.testing.assert_allclose(ours[0] - ours[1], expected[0] - expected[1], atol=1e-3)


def kaldi_energies(window: np.ndarray) -> np.ndarray:
    """As Kaldi's feature-fbank.cc describes it, one sample and one bin after the other, in double precision."""
    centred = window - window.mean()
    emphasised = [centred[0] * 0.03] + [centred[i] - 0.97 * centred[i - 1] for i in range(1, 400)]
    shaped = [x * (0.5 - 0.5 * math.cos(2.0 * math.pi * i / 399)) ** 0.85 for i, x in enumerate(emphasised)]
    power = np.abs(np.fft.fft(shaped + [0.0] * 112)) ** 2
    low, high = (1127.0 * math.log(1.0 + hz / 700.0) for hz in (20.0, 8_000.0))
    width = (high - low) / 81
    energies = np.zeros(80)
    for band in range(80):
        centre = low + (band + 1) * width
        for k in range(256):
            mel = 1127.0 * math.log(1.0 + k * 31.25 / 700.0)
            energies[band] += power[k] * max(0.0, 1.0 - abs(mel - centre) / width)
    return energies


def test_the_filter_bank_knows_neither_offset_nor_gain() -> None:
    wav = speech_like(1.0, 16_000, noise=0.01)  # nothing falls below the floor
    plain, changed = (frontends.fbank(torch.from_numpy(x)[None]) for x in (wav, 3.0 * wav + 0.2))
    torch.testing.assert_close(plain, changed, atol=5e-3, rtol=0.0)
    assert plain.shape == (1, 1 + (16_000 - 400) // 160, 80)


def test_the_speech_tokenizer_hears_eight_decades() -> None:
    wav = speech()
    mel = frontends.speech_tokenizer_mel(wav)
    assert mel.shape == (1, 100, 128)
    assert mel.max() - mel.min() <= 2.0  # decades / 4
    torch.testing.assert_close(frontends.speech_tokenizer_mel(10.0 * wav), mel + 0.5, atol=1e-4, rtol=0.0)


def test_the_loudest_value_of_one_recording_is_not_anothers() -> None:
    quiet, loud = 0.01 * speech(), speech()
    both = frontends.speech_tokenizer_mel(torch.cat([quiet, loud]))
    torch.testing.assert_close(both[:1], frontends.speech_tokenizer_mel(quiet))


def test_prompt_mel_of_silence_is_its_floor_and_gain_adds() -> None:
    silence = frontends.prompt_mel(torch.zeros(1, 4_800))
    torch.testing.assert_close(silence, torch.full((1, 10, 80), math.log(1e-5)))
    wav = torch.from_numpy(speech_like(1.0, 24_000, noise=0.01))[None]
    louder = frontends.prompt_mel(2.0 * wav) - frontends.prompt_mel(wav)
    torch.testing.assert_close(louder, torch.full_like(louder, math.log(2.0)), atol=1e-3, rtol=0.0)


@pytest.mark.parametrize("n_samples", [24_000, 24_479, 24_480])
def test_prompt_mel_has_a_frame_for_every_whole_hop(n_samples: int) -> None:
    assert frontends.prompt_mel(torch.randn(1, n_samples)).shape == (1, n_samples // 480, 80)


def test_trimming_cuts_silence_at_the_edges_and_nowhere_else() -> None:
    loud = torch.from_numpy(speech_like(0.5, 16_000, noise=0.0))
    pause = torch.zeros(16_000)
    trimmed = frontends.trim(torch.cat([pause, loud, pause, loud, pause]))
    slack = frontends.TRIM_WINDOW // 2 + 2 * frontends.TRIM_HOP
    assert abs(len(trimmed) - (2 * len(loud) + len(pause))) < 2 * slack
    assert trimmed.abs().max() == loud.abs().max()


def test_trimming_leaves_a_recording_without_silence() -> None:
    tone = sine(440.0, 16_000)[0]
    torch.testing.assert_close(frontends.trim(tone), tone)
