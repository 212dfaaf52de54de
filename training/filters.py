"""The teacher's last layer as targets for the vocoder: a 256-vector -> filters with phases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FLOOR, TOP = -9.0, 7.0  # of the teacher's ln magnitudes

TrueFilters = tuple[Tensor, Tensor, Tensor, Tensor]  # ln magnitudes of pulses and noise, phases of both; [B, J, bins]


@dataclass(frozen=True)
class TeacherFilters:
    weight: Tensor  # [256, 4 bins]
    bias: Tensor  # [4 bins]

    @property
    def n_bins(self) -> int:
        return self.bias.numel() // 4

    def __call__(self, hidden: Tensor, bins: Tensor) -> TrueFilters:
        """[B, J, 256] -> of these bins."""
        chosen = torch.cat([bins + part * self.n_bins for part in range(4)])
        pulses, noise, turn, phase = (hidden @ self.weight[:, chosen] + self.bias[chosen]).chunk(4, -1)
        return pulses.clamp(FLOOR, TOP), noise.clamp(FLOOR, TOP), math.pi * turn.tanh(), phase

    @classmethod
    def load(cls, path: Path, device: str) -> TeacherFilters:
        arrays = np.load(path)
        return cls(*(torch.from_numpy(arrays[name]).to(device) for name in ("weight", "bias")))
