"""A vocoder that adds filtered pulses and noise: mel [B, 80, T] (ln, 50 frames/s) -> wav [B, N] (24 kHz, -1 .. 1).

A network predicts a pitch and two spectra for each frame of 12.5 ms. The one filters a train of pulses at that pitch,
whose phase is carried; the other is the noise. Their sum, spectrum by spectrum, becomes sound by overlap and add.
`wav, state = vocoder(mel, state, final)`; what is held back comes with later pieces, all of it with the final one.
Streaming kind: functional, per-layer input tails; any cutting gives the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from engine.networks.convs import StreamConv1d, Walk, same_conv
from engine.networks.pulse.excitation import AHEAD, Excitation
from engine.networks.pulse.layers import Block, Resample
from engine.networks.pulse.timbre import NATURAL, Timbre, minimum_phase, moved
from engine.networks.vocoder_state import VocoderState

REFERENCE_HZ = 200.0  # the pitch that the network calls 0, in octaves


@dataclass(frozen=True, kw_only=True)
class PulseConfig:
    sample_rate: int = 24000
    mel_bins: int = 80
    mel_hop: int = 480  # samples per mel frame
    mel_mean: float = -5.75  # of speech's ln mel, which the network sees as 0
    mel_deviation: float = 3.2
    lookahead: int = 2  # mel frames
    width: int = 256
    hidden: int = 512  # of a block
    taps: int = 7  # of a block: the present frame and those before it
    mel_blocks: int = 2  # at the rate of the mel
    blocks: int = 4  # at the rate of the filters
    hop: int = 300  # samples per frame of the filters
    n_fft: int = 1200
    top_hz: float = 11000.0  # of the pulses' harmonics

    def __post_init__(self) -> None:
        if self.lookahead >= self.taps:
            raise ValueError(f"lookahead {self.lookahead} is not within {self.taps} taps")
        if self.n_fft != 4 * self.hop:
            raise ValueError(f"n_fft {self.n_fft} is not four hops of {self.hop}")

    @property
    def n_bins(self) -> int:
        return self.n_fft // 2 + 1

    @property
    def group(self) -> tuple[int, int]:
        """Mel frames and frames of the filters that last equally long."""
        common = math.gcd(self.mel_hop, self.hop)
        return self.hop // common, self.mel_hop // common


@dataclass(frozen=True)
class Filters:
    """What the network predicts for each frame."""

    pulses: Tensor  # [B, J, bins] ln magnitude
    noise: Tensor  # [B, J, bins] ln magnitude
    pulses_phase: Tensor  # [B, J, bins] rad
    noise_phase: Tensor  # [B, J, bins] rad
    voicing: Tensor  # [B, J] logit of voice, two frames ahead
    octaves: Tensor  # [B, J] pitch in octaves above REFERENCE_HZ, two frames ahead

    @property
    def f0(self) -> Tensor:
        """[B, J] in Hz, 0 where there is no voice, two frames ahead."""
        return torch.where(self.voicing > 0, REFERENCE_HZ * self.octaves.clamp(-2.5, 2.0).exp2(), 0.0)


class PulseVocoder(nn.Module):
    log_magnitude_limit = 7.0
    amplitude_limit = 0.99
    window: Tensor  # [n_fft]
    overlap: Tensor  # [4, hop], the squared window in hops

    def __init__(self, config: PulseConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.front = same_conv(config.mel_bins, width, config.taps, lookahead=config.lookahead)
        self.mel_blocks = nn.ModuleList(Block(width, config.hidden, config.taps) for _ in range(config.mel_blocks))
        self.resample = Resample(width, *config.group)
        self.blocks = nn.ModuleList(Block(width, config.hidden, config.taps) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, width)
        self.filters = nn.Linear(width, 2 * config.n_bins)
        self.phases = nn.Linear(width, 2 * config.n_bins)
        self.pitch = nn.Linear(width, 2)
        self.excitation = Excitation(config.sample_rate, config.n_fft, config.hop, config.top_hz)
        window = torch.hann_window(config.n_fft)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("overlap", window.square().view(-1, config.hop), persistent=False)

    def arrange(self, dtype: torch.dtype) -> None:
        """Makes the network ready to run, with weights where this machine's convolutions want them.

        `dtype` is not asked for: the products are small, and stay float32."""
        for module in self.modules():
            if isinstance(module, StreamConv1d):
                module.arrange(torch.float32)

    def init_state(self, seed: int | Sequence[int], timbre: Timbre = NATURAL) -> VocoderState:
        """The state before the first frame; a sequence of seeds makes a batch. Nothing is drawn from them."""
        seeds = (seed,) if isinstance(seed, int) else tuple(seed)
        phase = self.excitation.init_phase(len(seeds))
        offsets = phase.new_zeros(len(seeds), 0)
        return VocoderState(seeds=seeds, phase=phase, frames=(0,) * len(seeds), offsets=offsets, timbre=timbre)

    @property
    def samples_per_frame(self) -> int:
        return self.config.mel_hop

    @property
    def hold_back_samples(self) -> int:
        """How far the samples given out lag the mel taken in, at most: the lookahead and half a window."""
        return self.config.lookahead * self.config.mel_hop + self.config.n_fft // 2

    def forward(
        self, mel: Tensor, state: VocoderState, final: bool = False, *, f0: Tensor | None = None
    ) -> tuple[Tensor, VocoderState]:
        """A given f0 [B, J] in Hz, of the frames that the mel makes and two ahead, replaces what would be predicted."""
        if state.ended:
            raise ValueError("the utterance of this state has had its final piece")
        if state.tails is None and mel.shape[-1] == 0:
            return mel.new_zeros(mel.shape[0], 0), replace(state, ended=final)
        walk = Walk(state.layers, final)
        filters, position = self.describe(mel, state.position, walk)
        count, f0 = filters.pulses.shape[1], filters.f0 if f0 is None else f0
        filters = self._of_timbre(filters, f0, state.timbre, walk)
        pulses, phase = self.excitation.pulses(f0 * state.timbre.pitch, state.phase, walk)
        wav = self.sound(filters, pulses, state.spectra, walk)
        if final and position:
            slow, _ = self.config.group
            surplus = self.resample.before(position) * self.config.hop - position * self.config.mel_hop
            wav = wav[:, : wav.shape[1] - surplus]
            position %= slow
        return wav, replace(
            state,
            phase=phase,
            position=position,
            spectra=min(state.spectra + count, len(self.overlap)),
            tails=walk.tails,
            ended=final,
        )

    def describe(self, mel: Tensor, position: int, walk: Walk) -> tuple[Filters, int]:
        """The filters of the frames that are complete, and where in its group the next mel frame stands."""
        x, position = self.outline(mel, position, walk)
        return self.filters_of(x), position

    def filters_of(self, x: Tensor) -> Filters:
        """Of an outline [B, J, width]."""
        pulses, noise = self.filters(x).float().split(self.config.n_bins, dim=-1)
        turn, noise_phase = self.phases(x).float().split(self.config.n_bins, dim=-1)
        voicing, octaves = self.pitch(x).float().unbind(-1)
        return Filters(pulses, noise, math.pi * turn.tanh(), noise_phase, voicing, octaves)

    def _of_timbre(self, filters: Filters, f0: Tensor, timbre: Timbre, walk: Walk) -> Filters:
        """The filters of another voice; `f0` [B, J] of the mel's, two frames ahead of them."""
        if timbre.natural_filters:
            return filters
        count = f0.shape[1]
        known = walk.extend(f0.unsqueeze(1), AHEAD)
        walk.keep(known[..., count:])
        if count == 0:
            return filters
        bin_hz = self.config.sample_rate / self.config.n_fft
        pulses, noise = moved(filters.pulses, filters.noise, known[:, 0, :count], timbre, bin_hz)
        return replace(filters, pulses=pulses, noise=noise, pulses_phase=timbre.phase * minimum_phase(pulses))

    def outline(self, mel: Tensor, position: int, walk: Walk) -> tuple[Tensor, int]:
        """[B, J, width], of which filters and pitch are linear functions, and the next mel frame's place."""
        config = self.config
        x = self.front((mel - config.mel_mean) / config.mel_deviation, walk).mT
        for block in self.mel_blocks:
            x = block(x, walk)
        frames = x.shape[1]
        x = self.resample(x, position)
        for block in self.blocks:
            x = block(x, walk)
        return self.project(self.norm(x)), (position + frames) % config.group[0]

    def sound(self, filters: Filters, pulses: Tensor, position: int, walk: Walk) -> Tensor:
        """Spectra of pulses [B, J, bins] through their filters, and the noise -> [B, N] finished samples."""
        limit = self.log_magnitude_limit
        own_pulses, own_noise = filters.pulses.clamp(max=limit).exp(), filters.noise.clamp(max=limit).exp()
        own = torch.polar(own_pulses, filters.pulses_phase), torch.polar(own_noise, filters.noise_phase)
        spectra = pulses * own[0] + own[1]
        if spectra.shape[1]:
            windows = torch.fft.irfft(spectra, self.config.n_fft) * self.window
        else:
            windows = filters.pulses.new_zeros(len(spectra), 0, self.config.n_fft)
        wav = self._overlapped(windows, position, walk)
        return wav.clamp(-self.amplitude_limit, self.amplitude_limit)

    def _overlapped(self, windows: Tensor, position: int, walk: Walk) -> Tensor:
        """Windows [B, J, n_fft], the first of them number `position`, added up -> [B, N] finished samples."""
        parts, hop = self.overlap.shape
        batch, count, _ = windows.shape
        total = windows.new_zeros(batch, count + parts - 1, hop)
        tail = walk.take()
        if tail is not None:
            total[:, : parts - 1] = tail
        for part, piece in enumerate(windows.view(batch, count, parts, hop).unbind(2)):
            total[:, part : part + count] = total[:, part : part + count] + piece
        walk.keep(total[:, count:])
        blocks = total if walk.final else total[:, :count]
        # The windows' sum of squares is constant but for the true ends, where some of them are missing.
        weight = self.overlap.sum(dim=0)
        if position < parts or walk.final:
            window = torch.arange(position, position + blocks.shape[1], device=windows.device)[:, None]
            window = window - torch.arange(parts, device=windows.device)
            present = (window >= 0) & (window < position + count)
            weight = present.to(windows.dtype) @ self.overlap
        # Half a window lies before the first sample. At the end, as many samples as the frames last.
        start = max(0, parts // 2 - position)
        stop = blocks.shape[1] - (parts // 2 - 1 if walk.final else 0)
        return (blocks / weight.clamp_min(1e-4))[:, start:stop].flatten(1)
