"""Layers of the pulse vocoder: pieces [B, T, C] of a signal, causal, tails kept by a `Walk`."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.networks.convs import Walk


class Depthwise(nn.Module):
    """[B, T, C] -> [B, T, C]: every channel by its own taps, the last of them the present; zeros before the start."""

    def __init__(self, channels: int, taps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, 1, taps) / taps**0.5)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, walk: Walk) -> Tensor:
        channels, _, taps = self.weight.shape
        known = walk.extend(x.mT, taps - 1)
        walk.keep(known[..., known.shape[-1] - (taps - 1) :])
        if x.shape[1] == 0:
            return x
        # An image one line high has a layout in which the channels lie together.
        image = F.conv2d(known.unsqueeze(2), self.weight.unsqueeze(2), self.bias, groups=channels)
        return image.squeeze(2).mT


class Block(nn.Module):
    """A ConvNeXt block: along time, then across channels, added to what came in."""

    def __init__(self, width: int, hidden: int, taps: int) -> None:
        super().__init__()
        self.depthwise = Depthwise(width, taps)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, hidden)
        self.reduce = nn.Linear(hidden, width)

    def forward(self, x: Tensor, walk: Walk) -> Tensor:
        y = self.expand(self.norm(self.depthwise(x, walk)))
        return cast(Tensor, x + self.reduce(F.gelu(y)))


class Resample(nn.Module):
    """[B, T, C] -> [B, T', C]: every `slow` frames become `fast`, frame j from frame floor(j * slow / fast).

    Each of the `fast` frames of a group has a scale and a bias of its own. `position`: frames that came before, modulo
    `slow`; T' = `count(position, T)`, so any cutting gives the frames of the uncut run."""

    def __init__(self, width: int, slow: int, fast: int) -> None:
        super().__init__()
        self.slow = slow
        self.fast = fast
        self.scale = nn.Parameter(torch.ones(fast, width))
        self.bias = nn.Parameter(torch.zeros(fast, width))

    def before(self, frames: int) -> int:
        """Fast frames that so many slow ones have made."""
        return -(-frames * self.fast // self.slow)

    def forward(self, x: Tensor, position: int) -> Tensor:
        made = torch.arange(self.before(position), self.before(position + x.shape[1]), device=x.device)
        phase = made % self.fast
        return x[:, made * self.slow // self.fast - position] * self.scale[phase] + self.bias[phase]
