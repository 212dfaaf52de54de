"""Discriminators of waveforms. (To come.)"""

from __future__ import annotations

from torch import Tensor, nn


class Adversaries(nn.Module):
    def generator_losses(self, made: Tensor, true: Tensor, step: int) -> dict[str, Tensor]:
        raise NotImplementedError
