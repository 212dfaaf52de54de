"""Waveforms at other rates: [N] -> [N * target / rate, rounded up]."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor
from torch.nn import functional as F

Floats = npt.NDArray[np.float32]

ZERO_CROSSINGS = 6  # of the sinc, on each side
ROLLOFF = 0.99  # the cutoff, of the lower of the two Nyquist frequencies


def resample(wav: Floats, rate: int, target: int) -> Floats:
    """The usual way, and the better one."""
    if rate == target:
        return wav
    length = -(-len(wav) * target // rate)
    made = soxr.resample(wav, rate, target, quality="HQ")[:length]
    return np.pad(made, (0, length - len(made))).astype(np.float32)


def windowed_sinc(wav: Tensor, rate: int, target: int) -> Tensor:
    """A short sinc under a Hann window, torchaudio's default: the x-vector and the prompt tokens were made with it."""
    common = math.gcd(rate, target)
    step, n_phases = rate // common, target // common  # so many samples in give so many out
    cutoff = ROLLOFF * min(step, n_phases)
    width = math.ceil(ZERO_CROSSINGS * step / cutoff)
    taps = torch.arange(-width, width + step, dtype=torch.float64) / step
    phases = torch.arange(n_phases, dtype=torch.float64)[:, None] / n_phases
    position = ((taps - phases) * cutoff).clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = torch.cos(position * math.pi / (2 * ZERO_CROSSINGS)).square()
    kernel = (torch.sinc(position) * window * (cutoff / step)).float()
    padded = F.pad(wav, (width, width + step))
    made = F.conv1d(padded[None, None], kernel[:, None], stride=step)[0]
    return made.T.flatten()[: -(-len(wav) * target // rate)]
