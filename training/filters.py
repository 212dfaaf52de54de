"""The teacher's last layer as targets for the vocoder: a 256-vector -> ln magnitudes for pulses and for noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

FLOOR, TOP = -9.0, 7.0  # of the teacher's ln magnitudes
NOISE_GAIN = math.log(0.66)  # a burst has its energy where its window is open; the teacher's noise is everywhere
SMOOTHING = 3.0  # bins, standard deviation, of the lower voice's filters: no trace of the higher voice's harmonics


@dataclass(frozen=True)
class TeacherFilters:
    weight: Tensor  # [256, 2 bins]
    bias: Tensor  # [2 bins]

    def __call__(
        self, hidden: Tensor, stretch: Tensor | None = None, bins: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """[B, J, 256] -> ln magnitudes for pulses and for noise [B, J, bins]; `bins`: of these only.

        `stretch` [B]: a factor above 1 brings all formants down by it; 1 leaves the filters as they are."""
        n_bins = self.bias.numel() // 2
        if stretch is None:
            stretch = torch.ones(len(hidden), device=hidden.device)
        pieces = []
        for row, factor in zip(hidden, stretch.tolist(), strict=True):
            wanted = torch.arange(n_bins, device=hidden.device) if bins is None else bins
            weight, bias = (self.weight, self.bias) if factor == 1.0 else self._smooth
            place = (wanted * factor).clamp(max=n_bins - 1)
            low = place.floor().long()
            high, part = (low + 1).clamp(max=n_bins - 1), place - low
            both = [
                torch.lerp(half[:, low], half[:, high], part)
                for half in (*weight.split(n_bins, 1), *bias[None].split(n_bins, 1))
            ]
            pieces.append(torch.stack([row @ both[0] + both[2], row @ both[1] + both[3]]))
        pulses, noise = torch.stack(pieces, 1).clamp(FLOOR, TOP)
        return pulses, noise + NOISE_GAIN

    @cached_property
    def _smooth(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of filters smoothed over their bins."""
        reach = math.ceil(3 * SMOOTHING)
        taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=self.weight.device) / SMOOTHING).square())
        taps = (taps / taps.sum())[None, None]
        rows = torch.cat([self.weight, self.bias[None]])
        halves = [F.pad(half[:, None], (reach, reach), mode="replicate") for half in rows.chunk(2, 1)]
        smooth = torch.cat([F.conv1d(half, taps)[:, 0] for half in halves], 1)
        return smooth[:-1], smooth[-1]

    @classmethod
    def load(cls, path: Path, device: str) -> TeacherFilters:
        arrays = np.load(path)
        return cls(*(torch.from_numpy(arrays[name]).to(device) for name in ("weight", "bias")))
