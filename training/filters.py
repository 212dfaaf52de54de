"""The teacher's last layer as targets for the vocoder: a 256-vector -> both filters and the phase of the noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FLOOR, TOP = -9.0, 7.0  # of the teacher's ln magnitudes


@dataclass(frozen=True)
class TeacherFilters:
    weight: Tensor  # [256, 3 bins]
    bias: Tensor  # [3 bins]

    @property
    def n_bins(self) -> int:
        return self.bias.numel() // 3

    def __call__(self, hidden: Tensor, bins: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, J, 256] -> of these bins, [B, J, bins] each: ln magnitudes for pulses and for noise, its phase in rad."""
        chosen = torch.cat([bins + part * self.n_bins for part in range(3)])
        pulses, noise, phase = (hidden @ self.weight[:, chosen] + self.bias[chosen]).chunk(3, -1)
        return pulses.clamp(FLOOR, TOP), noise.clamp(FLOOR, TOP), phase

    @classmethod
    def load(cls, path: Path, device: str) -> TeacherFilters:
        arrays = np.load(path)
        return cls(*(torch.from_numpy(arrays[name]).to(device) for name in ("weight", "bias")))
