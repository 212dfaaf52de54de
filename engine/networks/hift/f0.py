"""Pitch of a mel spectrogram: mel [B, 80, T] at 50 frames/s -> f0 [B, T'] in Hz (near 0 where there is no voice).

Streaming kind: per-layer input tails; T' lags T by the layers' lookahead.
Source: `ConvRNNF0Predictor` of the reference (which holds no recurrent layer): s3gen/f0_predictor.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from engine.networks.convs import StreamConv1d, Walk, same_conv


@dataclass(frozen=True, kw_only=True)
class F0Config:
    channels: int = 512
    kernel_size: int = 3
    lookahead: tuple[int, ...] = (1, 1, 1, 1, 1)  # frames ahead, one per layer; 1 of a kernel of 3 is symmetric


class F0Predictor(nn.Module):
    def __init__(self, mel_bins: int, config: F0Config) -> None:
        super().__init__()
        self.condnet = nn.ModuleList()  # the activations keep their places: names are condnet.0, condnet.2 ...
        for index, lookahead in enumerate(config.lookahead):
            width = config.channels if index else mel_bins
            self.condnet.append(same_conv(width, config.channels, config.kernel_size, lookahead=lookahead))
            self.condnet.append(nn.ELU())
        self.classifier = nn.Linear(config.channels, 1)

    def forward(self, mel: Tensor, walk: Walk) -> Tensor:
        x = mel
        for layer in self.condnet[::2]:
            x = F.elu(cast(StreamConv1d, layer)(x, walk))
        return cast(Tensor, self.classifier(x.transpose(1, 2))).squeeze(-1).abs()
