"""What is said for the judge."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.networks.pulse.pulse import PulseConfig, PulseVocoder
from training.features import HOP, SAMPLE_RATE, Floats
from training.say import by_vocoder


def tone(hertz: float, samples: int) -> Floats:
    return np.asarray(0.3 * np.sin(2 * np.pi * hertz * np.arange(samples) / SAMPLE_RATE), np.float32)


@pytest.mark.parametrize("samples", [10 * HOP, 10 * HOP + 1])
def test_copy_synthesis_hears_all_of_each_sound_and_nothing_else(samples: int) -> None:
    torch.manual_seed(0)
    vocoder = PulseVocoder(PulseConfig(width=8, hidden=16, mel_blocks=1, blocks=1)).eval()
    low, high = tone(200.0, samples), tone(2_000.0, samples)
    first, second, again = by_vocoder(vocoder, [low, high, low])
    assert len(first) == -(-samples // HOP) * HOP
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
