"""Another voice from the same mel."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from engine.networks.pulse.timbre import Timbre, minimum_phase, moved

BIN_HZ, BINS = 20.0, 601
F0 = 200.0  # ten bins


def formant(hertz: float) -> Tensor:
    """[1, 1, bins] one broad peak."""
    return -((torch.arange(BINS) * BIN_HZ - hertz) / 400.0).square()[None, None]


def peak(filters: Tensor) -> float:
    """Hz"""
    return float(filters[0, 0].argmax()) * BIN_HZ


@pytest.mark.parametrize("f0", [0.0, F0])
@pytest.mark.parametrize("formants", [0.5, 0.9, 1.25])
def test_formants_lie_so_many_times_as_high(formants: float, f0: float) -> None:
    timbre = Timbre(formants=formants)
    pulses, noise = moved(formant(4_000.0), formant(2_000.0), torch.full((1, 1), f0), timbre, BIN_HZ)
    assert peak(pulses) == pytest.approx(4_000 * formants, abs=F0 / 2)
    assert peak(noise) == pytest.approx(2_000 * formants, abs=F0 / 2)


def test_a_trace_of_the_other_pitch_goes_where_there_is_voice() -> None:
    comb = formant(4_000.0) + torch.cos(torch.arange(BINS) * (2 * math.pi * BIN_HZ / F0))  # highest at its harmonics
    voiced, unvoiced = (moved(comb, comb, torch.full((1, 1), f0), Timbre(formants=0.99), BIN_HZ) for f0 in (F0, 0.0))
    middle = slice(100, 400)
    plain = moved(formant(4_000.0), formant(4_000.0), torch.full((1, 1), F0), Timbre(formants=0.99), BIN_HZ)
    assert (voiced[0] - plain[0] - 1.0)[0, 0, middle].abs().max() < 0.1, "pulses are as strong as the harmonics were"
    assert (voiced[1] - plain[1])[0, 0, middle].abs().max() < 0.1, "noise is as strong as on average"
    assert (unvoiced[1] - plain[1])[0, 0, middle].abs().max() > 0.9


def test_a_pitch_of_any_height_is_within_the_filters() -> None:
    f0 = torch.tensor([[30.0, 60.0, 1_500.0, 12_001.0]])
    filters = formant(2_000.0).expand(1, 4, BINS)
    for one in moved(filters, filters, f0, Timbre(formants=0.6), BIN_HZ):
        assert one.isfinite().all()
        assert one.max() < 1e-3
        assert one.min() > filters.min() - 1e-3


def test_pulses_are_tilted_and_noise_is_not() -> None:
    filters, f0 = formant(2_000.0), torch.full((1, 1), F0)
    flat, tilted = (moved(filters, filters, f0, Timbre(tilt=tilt), BIN_HZ) for tilt in (0.0, 6.0))
    gain = (tilted[0] - flat[0])[0, 0] * (20 / math.log(10.0))
    assert gain[65] == pytest.approx(0.0, abs=1e-3)  # 1.3 kHz
    assert gain[260] - gain[130] == pytest.approx(6.0, abs=1e-3)  # an octave
    assert gain[:40].max() == pytest.approx(float(gain[40]), abs=1e-3)
    assert torch.equal(tilted[1], flat[1])


def test_a_filter_of_minimum_phase_sounds_after_the_pulse_and_not_before() -> None:
    filters = formant(1_000.0).clamp(min=-4.0)
    before, after = [], []
    for share in (0.0, 0.5, 1.0):
        spectra = torch.polar(filters.exp(), share * minimum_phase(filters))
        energy = torch.fft.irfft(spectra, 2 * (BINS - 1))[0, 0].square()
        before.append(float(energy[BINS:].sum() / energy.sum()))
        after.append(float(energy[1 : BINS - 1].sum() / energy.sum()))
    assert before[0] == pytest.approx(after[0], rel=1e-3)
    assert before[0] > 2 * before[1] > 4 * before[2]
    assert after[2] > after[0]


@pytest.mark.parametrize("changed", [{"pitch": 0.0}, {"formants": 9.0}, {"tilt": 13.0}, {"phase": 1.1}])
def test_no_such_voice(changed: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is not within"):
        Timbre(**changed)
