"""Training of the pulse vocoder: what its losses hold to be right."""

from __future__ import annotations

import math

import pytest
import torch

from engine.networks.pulse.pulse import Filters
from training.filters import TrueFilters
from training.pulse import pitch_loss, regression
from training.spectral import SpectralLoss


def described(f0: torch.Tensor, bins: int = 5) -> Filters:
    shape = (*f0.shape, bins)
    voicing = torch.where(f0 > 0, 20.0, -20.0)
    zeros = torch.zeros(shape)
    return Filters(zeros, zeros, zeros, zeros, voicing, (f0.clamp_min(40.0) / 200.0).log2())


def said(filters: Filters, pulses: float = 0.0, noise_phase: float = 0.0) -> TrueFilters:
    """What a teacher says who is so far off."""
    return filters.pulses + pulses, filters.noise + 0.0, filters.pulses_phase + 0.0, filters.noise_phase + noise_phase


def test_what_the_teacher_says_costs_nothing() -> None:
    f0, judged = torch.tensor([[0.0, 100.0, 250.0]]), torch.ones(1, 3)
    filters = described(f0)
    assert regression(filters, said(filters), f0, judged).sum() == 0
    assert pitch_loss(filters, f0, judged).sum() == pytest.approx(0.0, abs=1e-5)


def test_frames_that_are_not_judged_do_not_count() -> None:
    f0, judged = torch.tensor([[100.0, 100.0]]), torch.tensor([[1.0, 0.0]])
    filters = described(f0)
    wrong = said(filters)
    wrong[0][:, 1] = 3.0
    assert regression(filters, wrong, f0, judged).sum() == 0
    assert regression(filters, wrong, f0, judged.flip(1)).sum() > 0


def test_the_pulses_filter_is_judged_where_there_is_voice() -> None:
    silent, judged = torch.zeros(1, 2), torch.ones(1, 2)
    filters = described(silent)
    assert regression(filters, said(filters, pulses=1.0), silent, judged)[0] == 0


def test_a_phase_is_as_good_as_a_whole_turn_more_and_worst_at_half_a_turn() -> None:
    f0, judged = torch.zeros(1, 2), torch.ones(1, 2)
    filters = described(f0)
    whole, half = (
        regression(filters, said(filters, noise_phase=turns * 2 * math.pi), f0, judged)[3] for turns in (1.0, 0.5)
    )
    assert whole == pytest.approx(0.0, abs=1e-5)
    assert half == pytest.approx(2.0, abs=1e-5)


def test_a_sound_is_at_no_distance_from_itself() -> None:
    wav = torch.randn(1, 9600) * 0.1
    loss = SpectralLoss()
    assert sum(loss(wav, wav)) == 0
    assert sum(loss(wav, wav * 0.5)) > 0.1
