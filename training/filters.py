"""The teacher's last layer as targets for the vocoder: a 256-vector -> ln magnitudes for pulses and for noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FLOOR, TOP = -9.0, 7.0  # of the teacher's ln magnitudes
NOISE_GAIN = math.log(0.66)  # a burst has its energy where its window is open; the teacher's noise is everywhere


@dataclass(frozen=True)
class TeacherFilters:
    weight: Tensor  # [256, 2 bins]
    bias: Tensor  # [2 bins]

    def __call__(self, hidden: Tensor, bins: Tensor) -> tuple[Tensor, Tensor]:
        """[B, J, 256] -> ln magnitudes for pulses and for noise [B, J, bins], of these bins."""
        both = torch.cat([bins, bins + self.bias.numel() // 2])
        pulses, noise = (hidden @ self.weight[:, both] + self.bias[both]).clamp(FLOOR, TOP).chunk(2, -1)
        return pulses, noise + NOISE_GAIN

    @classmethod
    def load(cls, path: Path, device: str) -> TeacherFilters:
        arrays = np.load(path)
        return cls(*(torch.from_numpy(arrays[name]).to(device) for name in ("weight", "bias")))
