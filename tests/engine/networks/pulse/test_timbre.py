"""Another voice from the same mel."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from engine.networks.pulse.timbre import Timbre, moved

BIN_HZ = 50.0


@pytest.fixture
def layer() -> nn.Linear:
    """Filters with one broad formant each, in the bins 80 and 40, whatever comes in."""
    bins = torch.arange(200)
    layer = nn.Linear(4, 400)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.cat([-((bins - top) / 10.0).square() for top in (80, 40)]))
    return layer


@pytest.mark.parametrize("formants", [0.5, 0.9, 1.25])
def test_formants_lie_so_many_times_as_high(layer: nn.Linear, formants: float) -> None:
    pulses, noise = moved(layer, Timbre(formants=formants), BIN_HZ)(torch.zeros(4)).split(200)
    assert int(pulses.argmax()) == pytest.approx(80 * formants, abs=1)
    assert int(noise.argmax()) == pytest.approx(40 * formants, abs=1)


def test_what_goes_in_is_heard_as_before(layer: nn.Linear) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.arange(4.0).expand(400, 4))
    lower = moved(layer, Timbre(formants=0.9), BIN_HZ).requires_grad_(False)
    assert lower(torch.ones(4))[30] - lower(torch.zeros(4))[30] == pytest.approx(6.0, abs=1e-4)


def test_a_trace_of_the_other_pitch_is_smoothed_away(layer: nn.Linear) -> None:
    with torch.no_grad():
        layer.bias.copy_(torch.cos(torch.arange(400) * (torch.pi / 5)))  # harmonics ten bins apart
    middle = moved(layer, Timbre(formants=0.99), BIN_HZ)(torch.zeros(4))[20:180]
    assert middle.abs().max() < 0.25


def test_pulses_are_tilted_and_noise_is_not(layer: nn.Linear) -> None:
    flat, tilted = (moved(layer, Timbre(tilt=tilt), BIN_HZ)(torch.zeros(4)).split(200) for tilt in (0.0, 6.0))
    gain = (tilted[0] - flat[0]).detach() * (20 / math.log(10.0))
    assert gain[26] == pytest.approx(0.0, abs=1e-3)  # 1.3 kHz
    assert gain[104] - gain[52] == pytest.approx(6.0, abs=1e-3)  # an octave
    assert gain[:16].max() == pytest.approx(float(gain[16]), abs=1e-3)
    assert torch.equal(tilted[1], flat[1])


@pytest.mark.parametrize("changed", [{"pitch": 0.0}, {"formants": 9.0}, {"tilt": 13.0}])
def test_no_such_voice(changed: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is not within"):
        Timbre(**changed)
