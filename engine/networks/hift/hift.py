"""The vocoder: mel [B, 80, T] (ln, 50 frames/s) -> wav [B, N] (24 kHz, -1 .. 1), N = 480 per frame in the end.

A network predicts the short-time spectrum of speech from the mel and from the spectrum of an excitation whose pitch is
predicted from the mel as well. `wav, state = hift(mel, state, final)`; what is held back comes with later pieces, all
of it with the final one. Streaming kind: functional, per-layer input tails; any cutting gives the same samples.
Source: HiFTNet (arXiv 2309.09493) as in the reference, s3gen/hifigan.py; one class builds the published network
(symmetric padding) and the embedded voice's (causal but for a small lookahead in the first layer and the pitch).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.networks.convs import StreamConv1d, StreamConvTranspose1d, Walk, same_conv
from engine.networks.hift.f0 import F0Config, F0Predictor
from engine.networks.hift.source import HarmonicSource, SourceConfig
from engine.networks.hift.stft import Stft
from engine.networks.vocoder_state import VocoderState

# What the last layer says of a spectrum, besides its log magnitude: an angle (Quirk: of which the published network
# takes the sine, so that it is one radian at most), an angle as it is, or a vector that the magnitude scales.
HEADS = ("sine_phase", "phase", "vector")


@dataclass(frozen=True, kw_only=True)
class HiFTConfig:
    """The defaults are the published network."""

    sample_rate: int = 24000
    mel_bins: int = 80
    mel_origin: float = 0.0  # ln mel that lies beyond the ends; Quirk: the published weights take 0, which is loud
    base_channels: int = 512  # halved by every stage
    upsample_rates: tuple[int, ...] = (8, 5, 3)
    upsample_kernel_sizes: tuple[int, ...] = (16, 11, 7)
    istft_n_fft: int = 16
    istft_hop: int = 4
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[int, ...] = (1, 3, 5)
    source_resblock_kernel_sizes: tuple[int, ...] = (7, 7, 11)  # one per stage
    source_resblock_dilations: tuple[int, ...] = (1, 3, 5)
    pre_kernel_size: int = 7
    pre_lookahead: int = 3  # frames ahead of the first layer; 3 of a kernel of 7 is symmetric
    post_kernel_size: int = 7
    causal: bool = False  # True: nothing behind the first layer looks ahead; False: symmetric padding
    leaky_slope: float = 0.1
    warm_up_frames: int = 0  # of silence, made and thrown away before the first frame: no layer starts from zeros
    head: str = "sine_phase"
    source: SourceConfig = field(default_factory=SourceConfig)
    f0: F0Config = field(default_factory=F0Config)

    def __post_init__(self) -> None:
        if not len(self.upsample_rates) == len(self.upsample_kernel_sizes) == len(self.source_resblock_kernel_sizes):
            raise ValueError("upsample_rates, upsample_kernel_sizes, source_resblock_kernel_sizes differ in length")
        if self.head not in HEADS:
            raise ValueError(f"head {self.head!r} is none of {HEADS}")
        if self.istft_n_fft % (2 * self.istft_hop) or self.hop % self.istft_n_fft:
            raise ValueError(
                f"istft_n_fft {self.istft_n_fft} must be an even multiple of the hop and divide {self.hop}"
            )
        if self.base_channels % 2 ** len(self.upsample_rates):
            raise ValueError(f"base_channels {self.base_channels} cannot be halved at every stage")

    @property
    def n_bins(self) -> int:
        return self.istft_n_fft // 2 + 1

    @property
    def hop(self) -> int:
        """Samples per mel frame."""
        return math.prod(self.upsample_rates) * self.istft_hop


class Snake(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))
        self._scale: Tensor | None = None

    def arrange(self) -> None:
        """Works out, once, what its weights alone decide."""
        self._scale = self._scaling().detach()

    def forward(self, x: Tensor) -> Tensor:
        scale = self._scaling() if self._scale is None else self._scale
        sine = (x * self.alpha[:, None].to(x.dtype)).sin_()
        return torch.addcmul(x, sine.square(), scale.to(x.dtype))

    def _scaling(self) -> Tensor:
        return 1.0 / (self.alpha[:, None] + 1e-9)


class ResBlock(nn.Module):
    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int], causal: bool) -> None:
        super().__init__()

        def conv(dilation: int) -> StreamConv1d:
            lookahead = 0 if causal else (kernel_size - 1) * dilation // 2
            return same_conv(channels, channels, kernel_size, lookahead=lookahead, dilation=dilation)

        self.convs1 = nn.ModuleList(conv(dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(conv(1) for _ in dilations)
        self.activations1 = nn.ModuleList(Snake(channels) for _ in dilations)
        self.activations2 = nn.ModuleList(Snake(channels) for _ in dilations)

    def forward(self, x: Tensor, walk: Walk) -> Tensor:
        for snake1, conv1, snake2, conv2 in zip(
            self.activations1, self.convs1, self.activations2, self.convs2, strict=True
        ):
            y = conv2(snake2(conv1(snake1(x), walk)), walk)
            x, y = walk.meet(x, y)
            x = x + y
        return x


class HiFT(nn.Module):
    log_magnitude_limit = math.log(1e2)
    amplitude_limit = 0.99
    last_leaky_slope = 0.01  # Quirk: not the slope of the other stages

    def __init__(self, config: HiFTConfig) -> None:
        super().__init__()
        self.config = config
        self.f0_predictor = F0Predictor(config.mel_bins, config.f0)
        self.m_source = HarmonicSource(config.source, config.sample_rate, config.hop)
        self.stft = Stft(config.istft_n_fft, config.istft_hop)
        self.conv_pre = same_conv(
            config.mel_bins, config.base_channels, config.pre_kernel_size, lookahead=config.pre_lookahead
        )
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        self.source_downs, self.source_resblocks = nn.ModuleList(), nn.ModuleList()
        for stage in range(len(config.upsample_rates)):
            self._add_stage(stage)
        reach = config.post_kernel_size - 1
        width = config.base_channels // 2 ** len(config.upsample_rates)
        n_outputs = config.n_bins * (3 if config.head == "vector" else 2)
        self.conv_post = same_conv(
            width, n_outputs, config.post_kernel_size, lookahead=0 if config.causal else reach // 2
        )

    def _add_stage(self, stage: int) -> None:
        config = self.config
        width = config.base_channels // 2 ** (stage + 1)
        rate, kernel = config.upsample_rates[stage], config.upsample_kernel_sizes[stage]
        crop = 0 if config.causal else (kernel - rate) // 2
        self.ups.append(StreamConvTranspose1d(2 * width, width, kernel, rate, crop=crop))
        down = math.prod(config.upsample_rates[stage + 1 :])  # from spectra to this stage's rate
        kernel = 1 if down == 1 else 2 * down
        left, right = (max(0, kernel - 2), 0) if config.causal else (kernel // 4, kernel // 4)
        bands = self.m_source.n_signals * (config.istft_n_fft + 2)
        self.source_downs.append(StreamConv1d(bands, width, kernel, stride=down, left=left, right=right))
        self.source_resblocks.append(
            ResBlock(width, config.source_resblock_kernel_sizes[stage], config.source_resblock_dilations, config.causal)
        )
        for kernel in config.resblock_kernel_sizes:
            self.resblocks.append(ResBlock(width, kernel, config.resblock_dilations, config.causal))

    def arrange(self, dtype: torch.dtype) -> None:
        """Makes the network ready to run, with weights where this machine's convolutions want them.

        `dtype`: of the convolutions in residual blocks, which are nearly all of the work. What they add to, and all
        the rest (pitch, source, spectra, first and last layer), stays float32."""
        for module in self.modules():
            if isinstance(module, StreamConv1d):
                module.arrange(torch.float32)
            elif isinstance(module, Snake):
                module.arrange()
        for block in (*self.source_resblocks, *self.resblocks):
            for conv in (*block.convs1, *block.convs2):
                conv.arrange(dtype)

    def init_state(self, seed: int | Sequence[int] | Tensor, *, warm_up: bool = True) -> VocoderState:
        """The state before the first frame; a sequence of seeds makes a batch, and so does int64 [B].

        `warm_up` off: start from zeros, as an utterance must whose f0 or source is given from outside."""
        seeds: tuple[int, ...] | Tensor
        frames: tuple[int, ...] | Tensor
        if isinstance(seed, Tensor):
            seeds, frames = seed, torch.zeros_like(seed)
        else:
            seeds = (seed,) if isinstance(seed, int) else tuple(seed)
            frames = (0,) * len(seeds)
        offsets = self.m_source.offsets(seeds)
        phase = self.m_source.init_phase(len(seeds))
        state = VocoderState(seeds=seeds, offsets=offsets, phase=phase, frames=frames)
        length = self.config.warm_up_frames if warm_up else 0
        if length == 0:
            return state
        silence = offsets.new_full((len(seeds), self.config.mel_bins, length), self.config.mel_origin)
        with torch.no_grad():
            return self(silence, replace(state, unheard=length * self.config.hop))[1]  # type: ignore[no-any-return]

    @property
    def samples_per_frame(self) -> int:
        return self.config.hop

    @cached_property
    def hold_back_samples(self) -> int:
        """How far the samples given out lag the mel taken in: asked of the layers, with a tensor that has no data."""
        with torch.device("meta"), torch.no_grad():
            probe = HiFT(self.config)
            frames = 64 + 2 * self.config.pre_kernel_size
            wav, _ = probe(torch.empty(1, self.config.mel_bins, frames), probe.init_state(0))
        return frames * self.config.hop - int(wav.shape[1])

    def forward(
        self,
        mel: Tensor,
        state: VocoderState,
        final: bool = False,
        *,
        f0: Tensor | None = None,
        source: Tensor | None = None,
    ) -> tuple[Tensor, VocoderState]:
        """A given f0 [B, T] in Hz, or source [B, S, hop * T], of the same frames replaces what would be predicted."""
        if state.ended:
            raise ValueError("the utterance of this state has had its final piece")
        if state.tails is None and mel.shape[-1] == 0:
            return mel.new_zeros(mel.shape[0], 0), replace(state, ended=final)
        walk = Walk(state.layers, final)
        mel = mel - self.config.mel_origin
        phase, made = state.phase, 0
        if source is None:
            f0 = self.f0_predictor(mel, walk) if f0 is None else f0
            made = f0.shape[1]
            source, phase = self.m_source(f0, state.seeds, state.frames, phase, state.offsets)
        wav, spectra = self._decode(mel, source, state.spectra, walk)
        return wav[:, state.unheard :], replace(
            state,
            phase=phase,
            frames=state.frames_after(made),
            unheard=max(0, state.unheard - wav.shape[1]),
            spectra=min(state.spectra + spectra, self.stft.reach),
            tails=walk.tails,
            ended=final,
        )

    def predict_f0(self, mel: Tensor) -> Tensor:
        """[B, 80, T] -> [B, T] in Hz, a whole utterance at once."""
        return cast(Tensor, self.f0_predictor(mel - self.config.mel_origin, Walk(None, final=True)))

    def _decode(self, mel: Tensor, source: Tensor, position: int, walk: Walk) -> tuple[Tensor, int]:
        config = self.config
        excitation = self.stft.spectra(source, walk)
        n_stages, n_blocks = len(self.ups), len(config.resblock_kernel_sizes)
        x = self.conv_pre(mel, walk)
        for stage in range(n_stages):
            x = self.ups[stage](F.leaky_relu(x, config.leaky_slope), walk)
            if stage == n_stages - 1:
                x = walk.reflect_start(x, 1)  # Quirk: one position in front, since N samples have N / hop + 1 spectra
            driven = self.source_resblocks[stage](self.source_downs[stage](excitation, walk), walk)
            x = torch.add(*walk.meet(x, driven))
            blocks = self.resblocks[stage * n_blocks : (stage + 1) * n_blocks]
            branches = walk.meet(*[block(x, walk) for block in blocks])
            x = branches[0] if n_blocks == 1 else torch.stack(list(branches)).mean(dim=0)
        x = self.conv_post(F.leaky_relu(x, self.last_leaky_slope), walk).float()
        log_magnitude, *rest = x.split(config.n_bins, dim=1)
        magnitude = log_magnitude.clamp(max=self.log_magnitude_limit).exp()
        if config.head == "vector":
            real, imaginary = rest
        else:
            angle = rest[0].sin() if config.head == "sine_phase" else rest[0]
            real, imaginary = angle.cos(), angle.sin()
        wav = self.stft.waveform(magnitude * real, magnitude * imaginary, position, walk)
        return wav.clamp(-self.amplitude_limit, self.amplitude_limit), x.shape[-1]
