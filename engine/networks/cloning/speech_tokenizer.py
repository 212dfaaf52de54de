"""Speech -> the tokens that T3 speaks and the flow hears: log mel [B, T, 128] at 100 frames/s -> [B, T / 4] at 25 Hz.

Offline: full attention over at most `max_frames`. Submodules are named as the weights are published.
Source: S3 tokenizer v2 of CosyVoice 2 (arXiv 2412.10117), finite scalar quantisation (arXiv 2309.15505);
s3tokenizer/model_v2.py, which the reference builds on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.networks.cloning import frontends

SHRINK = 0.999  # Quirk: of the values before rounding, which are so never quite -1 or 1


@dataclass(frozen=True, kw_only=True)
class SpeechTokenizerConfig:
    mel_bins: int = frontends.SPEECH_TOKENIZER_BANDS
    width: int = 1280
    heads: int = 20
    layers: int = 6
    ffn_ratio: int = 4
    memory: int = 31  # frames at 25 Hz that the convolution beside each attention spans
    rope_theta: float = 10_000.0
    digits: int = 8  # a token is a number of so many digits
    levels: int = 3  # in this base
    max_frames: int = 3_000  # 30 s; the reference cuts what is longer into overlapping pieces, which no prompt needs


class SpeechTokenizer(nn.Module):
    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _Encoder(config)
        self.quantizer = _Quantizer(config)

    def forward(self, mel: Tensor) -> Tensor:
        """[B, T, F] -> [B, T / 4 rounded up]"""
        base = self.config.levels
        digits = self.levels(mel).round().long() + base // 2
        return (digits * base ** torch.arange(self.config.digits, device=mel.device)).sum(-1)

    def levels(self, mel: Tensor) -> Tensor:
        """[B, T / 4, digits] before rounding: between -1 and 1."""
        if mel.shape[1] > self.config.max_frames:
            raise ValueError(f"{mel.shape[1]} frames; at most {self.config.max_frames}")
        return cast(Tensor, self.quantizer(self.encoder(mel)))


class _Quantizer(nn.Module):
    """[B, T, C] -> [B, T, digits]"""

    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        self._codebook = _Codebook(config)

    def forward(self, x: Tensor) -> Tensor:
        return SHRINK * cast(Tensor, self._codebook.project_down(x)).tanh()


class _Codebook(nn.Module):
    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        self.project_down = nn.Linear(config.width, config.digits)


class _Encoder(nn.Module):
    """Two strided convolutions, then blocks of attention."""

    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.mel_bins, config.width, 3, stride=2, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))

    def forward(self, mel: Tensor) -> Tensor:
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel.transpose(1, 2))))).transpose(1, 2)
        turn = _rotation(x.shape[1], self.config, x.device)
        for block in self.blocks:
            x = block(x, turn)
        return x


class _Block(nn.Module):
    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        width = config.width
        self.attn = _Attention(config)
        self.attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, config.ffn_ratio * width), nn.GELU(), nn.Linear(config.ffn_ratio * width, width)
        )
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.attn(self.attn_ln(x), turn)
        return cast(Tensor, x + self.mlp(self.mlp_ln(x)))


class _Attention(nn.Module):
    """Attention, and beside it a memory: each channel of the values smoothed over time by a kernel of its own."""

    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.fsmn_block = nn.Conv1d(width, width, config.memory, padding=config.memory // 2, groups=width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        value = self.value(x)
        memory = value + self.fsmn_block(value.transpose(1, 2)).transpose(1, 2)
        q, k, v = (y.unflatten(2, (self.heads, -1)).transpose(1, 2) for y in (self.query(x), self.key(x), value))
        mixed = F.scaled_dot_product_attention(_rotate(q, turn), _rotate(k, turn), v)
        return cast(Tensor, self.out(mixed.transpose(1, 2).flatten(2)) + memory)


def _rotation(n_tokens: int, config: SpeechTokenizerConfig, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosine and sine [T, D] of each token's angles; dimensions d and d + D / 2 turn together."""
    head_dim = config.width // config.heads
    speeds = config.rope_theta ** (-torch.arange(0, head_dim, 2, device=device).float() / head_dim)
    angles = torch.outer(torch.arange(n_tokens, device=device).float(), speeds).repeat(1, 2)
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = turn
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin
