"""The flow's velocity field: noisy mel and conditions [B, T, 4F] at 50 Hz -> velocity [B, T, F].

Stages of one residual block of causal convolutions (kernel 3) and transformer blocks without positions; a first stage,
`mid_stages` stages, and a last one that also sees the first one's output. Time enters the residual blocks only.
Streaming: cached. One `EstimatorState` per solver step, because the hidden state differs at every time.

Structure of S3Gen's ConditionalDecoder at its single resolution (Matcha-TTS, arXiv 2309.03199); the mean-flow variant
also knows the end of the step (arXiv 2510.07979 for the mixing of the two embeddings).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.networks.flow.attention import Extent, Sight
from engine.networks.flow.conformer import causal
from engine.networks.flow.keys import Attended, InPlace, Keys, joined, parted

KERNEL = 3
TAIL = KERNEL - 1  # frames
FF_RATIO = 4
TIME_SCALE = 1_000.0  # times lie in 0..1
MAX_WAVELENGTH = 10_000.0


@dataclass(frozen=True, kw_only=True)
class EstimatorConfig:
    channels: int
    heads: int
    head_width: int
    blocks: int  # transformer blocks per stage
    mid_stages: int
    time_width: int
    mean_flow: bool


@dataclass(frozen=True)
class EstimatorState:
    """The memory of one solver step. Each utterance has one of the R rows, and two with guidance."""

    tails: Tensor  # [R, 2, sum of C]: of each convolution its last inputs
    keys: Keys

    def without_history(self) -> EstimatorState:
        return EstimatorState(self.tails, self.keys.nothing)

    def tensors(self) -> list[Tensor]:
        return [self.tails, *self.keys.parts]

    @staticmethod
    def joined(states: Sequence[EstimatorState]) -> EstimatorState:
        tails = joined([state.tails for state in states], 0)
        return EstimatorState(tails, Keys.joined([state.keys for state in states]))

    def parted(self, count: int) -> list[EstimatorState]:
        parts = zip(parted(self.tails, count, 0), self.keys.parted(count), strict=True)
        return [EstimatorState(*part) for part in parts]


class _Run:
    """One pass through the layers, in order: each takes its part of the state and leaves the next window's."""

    def __init__(self, tails: Sequence[Tensor], attended: Attended | InPlace, sight: Sight | None) -> None:
        self.attended = attended
        self.sight = sight
        self._tails: Iterator[Tensor] = iter(tails)
        self._next_tails: list[Tensor] = []

    def extend(self, x: Tensor) -> Tensor:
        """[R, T, C] -> [R, 2 + T, C]."""
        x = torch.cat((next(self._tails), x), 1)
        self._next_tails.append(x[:, -TAIL:])
        return x

    def following(self) -> EstimatorState:
        return EstimatorState(torch.cat(self._next_tails, 2), self.attended.following)


class ConvBlock(nn.Module):
    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, channels, KERNEL)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[R, 2 + T, C] -> [R, T, C]."""
        return F.mish(self.norm(causal(self.conv, x)))


class Resnet(nn.Module):
    def __init__(self, inputs: int, config: EstimatorConfig) -> None:
        super().__init__()
        self.time = nn.Linear(config.time_width, config.channels)
        self.block1 = ConvBlock(inputs, config.channels)
        self.block2 = ConvBlock(config.channels, config.channels)
        self.res_conv = nn.Conv1d(inputs, config.channels, 1)

    def forward(self, x: Tensor, shift: Tensor, run: _Run) -> Tensor:
        y = self.block1(run.extend(x)) + shift
        y = self.block2(run.extend(y))
        return y + pointwise(self.res_conv, x)  # type: ignore[no-any-return]


def pointwise(conv: nn.Conv1d, x: Tensor) -> Tensor:
    return F.linear(x, conv.weight.squeeze(2), conv.bias)


class TransformerBlock(nn.Module):
    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        inner = config.heads * config.head_width
        self.shape = (3, config.heads, config.head_width)
        self.norm1 = nn.LayerNorm(config.channels)
        self.to_qkv = nn.Linear(config.channels, 3 * inner, bias=False)
        self.to_out = nn.Linear(inner, config.channels)
        self.norm3 = nn.LayerNorm(config.channels)
        self.ff_in = nn.Linear(config.channels, FF_RATIO * config.channels)
        self.ff_out = nn.Linear(FF_RATIO * config.channels, config.channels)

    def forward(self, x: Tensor, run: _Run) -> Tensor:
        qkv = self.to_qkv(self.norm1(x)).unflatten(2, self.shape).permute(2, 0, 3, 1, 4)  # [3, R, H, T, D]
        x = x + self.to_out(run.attended.attend(qkv[0], qkv[1:], sight=run.sight))
        return x + self.ff_out(F.gelu(self.ff_in(self.norm3(x))))  # type: ignore[no-any-return]


class Stage(nn.Module):
    def __init__(self, inputs: int, config: EstimatorConfig) -> None:
        super().__init__()
        self.resnet = Resnet(inputs, config)
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.blocks))

    def forward(self, x: Tensor, shift: Tensor, run: _Run) -> Tensor:
        x = self.resnet(x, shift, run)
        for block in self.blocks:
            x = block(x, run)
        return x


class TimeMlp(nn.Module):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(inputs, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, time: Tensor) -> Tensor:
        """[N] float32 -> [N, W]. Angles of up to a thousand radians: no half precision for them."""
        half = self.linear_1.in_features // 2
        rates = torch.arange(half, device=time.device) * (-math.log(MAX_WAVELENGTH) / (half - 1))
        angles = time[:, None] * (TIME_SCALE * rates.exp())
        waves = torch.cat((angles.sin(), angles.cos()), 1).to(self.linear_1.weight.dtype)
        return self.linear_2(F.silu(self.linear_1(waves)))  # type: ignore[no-any-return]


class Estimator(nn.Module):
    def __init__(self, config: EstimatorConfig, mel_bins: int) -> None:
        super().__init__()
        self.config = config
        inputs, channels = 4 * mel_bins, config.channels  # noisy mel, mu, speaker, known mel
        self.time_mlp = TimeMlp(inputs, config.time_width)
        self.time_embed_mixer = (
            nn.Linear(2 * config.time_width, config.time_width, bias=False) if config.mean_flow else None
        )
        self.down = Stage(inputs, config)
        self.down_conv = nn.Conv1d(channels, channels, KERNEL)
        self.mid = nn.ModuleList(Stage(channels, config) for _ in range(config.mid_stages))
        self.up = Stage(2 * channels, config)
        self.up_conv = nn.Conv1d(channels, channels, KERNEL)
        self.final_block = ConvBlock(channels, channels)
        self.final_proj = nn.Conv1d(channels, mel_bins, 1)
        # Inputs of the convolutions, in the order of their definition, which is the order in which they run.
        convs = [module for module in self.modules() if isinstance(module, nn.Conv1d)]
        self._widths = [conv.in_channels for conv in convs if conv.kernel_size[0] > 1]

    @property
    def stages(self) -> list[Stage]:
        return [self.down, *self.mid, self.up]

    def init_state(self, like: Tensor) -> EstimatorState:
        """The state before the first frame; `like` [R, ...] gives rows, dtype and device."""
        config = self.config
        blocks = config.blocks * len(self.stages)
        tails = like.new_zeros(like.shape[0], TAIL, sum(self._widths))
        return EstimatorState(tails, Keys.none(blocks, config.heads, config.head_width, like))

    def shifts(self, time: Tensor, end: Tensor) -> list[Tensor]:
        """What the time of a solver step (and its end, for mean-flow) adds in each stage: [N] -> [N, 1, C] each."""
        embedding = self.time_mlp(time)
        if self.time_embed_mixer is not None:
            embedding = self.time_embed_mixer(torch.cat((embedding, self.time_mlp(end)), 1))
        embedding = F.mish(embedding)
        return [stage.resnet.time(embedding)[:, None] for stage in self.stages]

    def forward(
        self,
        x: Tensor,
        shifts: list[Tensor],
        state: EstimatorState,
        prompt: EstimatorState,
        keep: int | None,
        sight: Sight | None = None,
        extent: Extent | None = None,
    ) -> tuple[Tensor, EstimatorState]:
        """x [R, T, 4F] = (noisy mel, mu, speaker, known mel) -> velocity [R, T, F]; keeps `keep` frames of history, of
        which 0 leave the state as it is."""
        attended: Attended | InPlace
        if prompt.keys.in_place and extent:
            attended = InPlace(prompt.keys, extent)
        else:
            attended = Attended(prompt.keys, state.keys, x.shape[1], keep, extent)
        run = _Run(state.tails.split(self._widths, 2), attended, sight)
        skip = self.down(x, shifts[0], run)
        x = causal(self.down_conv, run.extend(skip))
        for stage, shift in zip(self.mid, shifts[1:-1], strict=True):
            x = stage(x, shift, run)
        x = self.up(torch.cat((x, skip), 2), shifts[-1], run)
        x = self.final_block(run.extend(causal(self.up_conv, run.extend(x))))
        return pointwise(self.final_proj, x), state if keep == 0 else run.following()
