"""Who speaks, as the flow is told it: ln filter bank [B, T, 80] at 100 frames/s -> x-vector [B, 192], any length.

Offline. A small image network shrinks the frequency axis by 8; then three densely connected blocks of dilated
convolutions over time, each gated by what its surroundings (all of the recording, and a second of it) sound like; then
mean and deviation over time. Submodules are named as the weights are published.
Source: CAM++ (arXiv 2303.00332); the reference's s3gen/xvector.py.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.networks.cloning import frontends


@dataclass(frozen=True, kw_only=True)
class DenseBlockConfig:
    layers: int
    dilation: int


@dataclass(frozen=True, kw_only=True)
class CAMPPlusConfig:
    mel_bins: int = frontends.FBANK_BANDS
    head_channels: int = 32
    head_blocks: int = 2  # residual blocks in each of the head's two layers
    width: int = 128  # into the first dense block
    growth: int = 32  # channels that a layer of a dense block adds
    bottleneck: int = 128  # channels inside such a layer
    blocks: tuple[DenseBlockConfig, ...] = (
        DenseBlockConfig(layers=12, dilation=1),
        DenseBlockConfig(layers=24, dilation=2),
        DenseBlockConfig(layers=16, dilation=2),
    )
    context: int = 100  # frames, at half the input's rate, whose mean gates a frame
    embedding: int = 192


HEAD_STRIDE = 8  # of frequency: three layers that halve it
KERNEL = 3  # of every convolution but the first over time
FIRST_KERNEL = 5
GATE_REDUCTION = 2


class CAMPPlus(nn.Module):
    def __init__(self, config: CAMPPlusConfig) -> None:
        super().__init__()
        self.head = _Head(config)
        channels = config.width
        entry = nn.Conv1d(
            config.head_channels * (config.mel_bins // HEAD_STRIDE),
            channels,
            FIRST_KERNEL,
            stride=2,
            padding=FIRST_KERNEL // 2,
            bias=False,
        )
        layers: OrderedDict[str, nn.Module] = OrderedDict(tdnn=_named(linear=entry, nonlinear=_normed(channels)))
        for number, block in enumerate(config.blocks, 1):
            layers[f"block{number}"] = _DenseBlock(channels, block, config)
            channels += block.layers * config.growth
            narrow = nn.Conv1d(channels, channels // 2, 1, bias=False)
            layers[f"transit{number}"] = _named(nonlinear=_normed(channels), linear=narrow)
            channels //= 2
        layers["out_nonlinear"] = _normed(channels)
        layers["stats"] = _Statistics()
        dense = nn.Conv1d(2 * channels, config.embedding, 1, bias=False)
        norm = _named(batchnorm=_Norm(config.embedding, affine=False))
        layers["dense"] = _named(linear=dense, nonlinear=norm)
        self.xvector = nn.Sequential(layers)

    def forward(self, mel: Tensor) -> Tensor:
        return cast(Tensor, self.xvector(self.head(mel.transpose(1, 2))))[..., 0]


def _named(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers))


class _Norm(nn.Module):
    """Batch normalisation with the statistics of training, each channel by itself: [B, C, ...] alike."""

    def __init__(self, channels: int, affine: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.running_mean: Tensor
        self.running_var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)


def _normed(channels: int) -> nn.Sequential:
    return _named(batchnorm=_Norm(channels), relu=nn.ReLU())


class _Head(nn.Module):
    """[B, F, T] -> [B, channels * F / 8, T]: 3 x 3 convolutions of the spectrogram as an image."""

    def __init__(self, config: CAMPPlusConfig) -> None:
        super().__init__()
        channels = config.head_channels
        self.conv1 = _image_conv(1, channels, stride=1)
        self.bn1 = _Norm(channels)
        self.layer1 = nn.Sequential(*(_Residual(channels, 1 if n else 2) for n in range(config.head_blocks)))
        self.layer2 = nn.Sequential(*(_Residual(channels, 1 if n else 2) for n in range(config.head_blocks)))
        self.conv2 = _image_conv(channels, channels, stride=2)
        self.bn2 = _Norm(channels)

    def forward(self, mel: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(mel[:, None])))
        x = self.layer2(self.layer1(x))
        return F.relu(self.bn2(self.conv2(x))).flatten(1, 2)


class _Residual(nn.Module):
    """Two convolutions beside a shortcut, which is a 1 x 1 convolution where the frequency axis shrinks."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _image_conv(channels, channels, stride)
        self.bn1 = _Norm(channels)
        self.conv2 = _image_conv(channels, channels, stride=1)
        self.bn2 = _Norm(channels)
        self.shortcut = nn.Sequential()
        if stride > 1:
            shrink = nn.Conv2d(channels, channels, 1, stride=(stride, 1), bias=False)
            self.shortcut = nn.Sequential(shrink, _Norm(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


def _image_conv(channels: int, out: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, KERNEL, stride=(stride, 1), padding=KERNEL // 2, bias=False)


class _DenseBlock(nn.Module):
    """Each layer sees the block's input and what all layers before it found."""

    def __init__(self, channels: int, block: DenseBlockConfig, config: CAMPPlusConfig) -> None:
        super().__init__()
        for index in range(block.layers):
            self.add_module(f"tdnnd{index + 1}", _DenseLayer(channels + index * config.growth, block.dilation, config))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = torch.cat([x, layer(x)], 1)
        return x


class _DenseLayer(nn.Module):
    def __init__(self, channels: int, dilation: int, config: CAMPPlusConfig) -> None:
        super().__init__()
        self.nonlinear1 = _normed(channels)
        self.linear1 = nn.Conv1d(channels, config.bottleneck, 1, bias=False)
        self.nonlinear2 = _normed(config.bottleneck)
        self.cam_layer = _Gated(dilation, config)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x)))))


class _Gated(nn.Module):
    """A convolution times a gate from the mean over the recording plus the mean over the frame's stretch of it."""

    def __init__(self, dilation: int, config: CAMPPlusConfig) -> None:
        super().__init__()
        inner = config.bottleneck // GATE_REDUCTION
        padding = KERNEL // 2 * dilation
        self.context = config.context
        self.linear_local = nn.Conv1d(
            config.bottleneck, config.growth, KERNEL, padding=padding, dilation=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(config.bottleneck, inner, 1)
        self.linear2 = nn.Conv1d(inner, config.growth, 1)

    def forward(self, x: Tensor) -> Tensor:
        stretches = F.avg_pool1d(x, self.context, ceil_mode=True)  # the last may be shorter: a mean of what is there
        nearby = stretches.repeat_interleave(self.context, 2)[..., : x.shape[2]]
        gate = self.linear2(F.relu(self.linear1(x.mean(2, keepdim=True) + nearby)))
        return cast(Tensor, self.linear_local(x) * gate.sigmoid())


class _Statistics(nn.Module):
    """[B, C, T] -> [B, 2C, 1]: mean and standard deviation over time."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean(2, keepdim=True), x.std(2, keepdim=True)], 1)
