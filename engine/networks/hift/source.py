"""The excitation: f0 [B, T] in Hz at 50 frames/s -> source [B, S, N] at the sample rate, N = hop * T.

Sines at the multiples of f0 where there is voice, noise elsewhere, merged into one signal by a learned sum. Randomness
is addressed by absolute sample; the phase is carried at the frame boundary, modulo one turn, in float64.
Streaming kind: functional, no lag. Source: `SineGen`, `SourceModuleHnNSF` of the reference (s3gen/hifigan.py), after
Wang et al., arXiv 1904.12088.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.device.device import Device
from engine.networks.noise import Numbers, Stream, keys_of, normals, times, uniforms


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    harmonics: int = 8  # besides the fundamental
    sine_amplitude: float = 0.1
    noise_std: float = 0.003  # where there is voice; elsewhere it is a third of sine_amplitude
    voiced_threshold_hz: float = 10.0
    # Quirks of the published weights, each of which the embedded voice does without:
    random_offsets: bool = True  # every harmonic but the fundamental starts at a random place in its turn
    noise_per_harmonic: bool = True  # noise goes through the learned sum, one draw per harmonic, not one per sample
    mask_above_nyquist: bool = False  # False: harmonics beyond half the sample rate fold back
    noise_branch: bool = False  # True: a second signal beside the first, noise alone (the reference makes and drops it)


class HarmonicSource(nn.Module):
    orders: Tensor  # [H] float32, 1 .. H

    def __init__(self, config: SourceConfig, sample_rate: int, hop: int) -> None:
        super().__init__()
        self.config = config
        self.sample_rate = sample_rate
        self.hop = hop
        n_sines = config.harmonics + 1
        self.l_linear = nn.Linear(n_sines, 1)
        # Quirk: the phase of a sample already includes that sample's own step.
        self.register_buffer("orders", torch.arange(1, n_sines + 1, dtype=torch.float32), persistent=False)

    @property
    def n_signals(self) -> int:
        return 2 if self.config.noise_branch else 1

    def offsets(self, seeds: Numbers) -> Tensor:
        """[B, H] where in its turn each harmonic starts, in turns; the fundamental starts at 0."""
        n_sines = len(self.orders)
        if not self.config.random_offsets:
            return self.orders.new_zeros(len(seeds), n_sines)
        turns = uniforms(keys_of(seeds, Stream.PHASE), n_sines, self.orders.device)
        return (turns - 0.5) * (self.orders > 1)

    def init_phase(self, rows: int) -> Tensor:
        return torch.zeros(rows, dtype=torch.float64, device=Device.of(self.orders.device).float64)

    def forward(
        self, f0: Tensor, seeds: Numbers, frames: Numbers, phase: Tensor, offsets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """`phase` [B] float64, in turns, before each row's frame of `frames`; returns the source and the next phase."""
        config = self.config
        turns, phase = self._turns(f0, phase)
        angle = turns.unsqueeze(-1) * (self.orders * (2 * math.pi))
        if config.random_offsets:
            angle = angle + offsets[:, None, None] * (2 * math.pi)
        f0 = f0.float().unsqueeze(-1)
        voiced = (f0 > config.voiced_threshold_hz).float()
        heard = f0 * self.orders < self.sample_rate / 2 if config.mask_above_nyquist else self.orders > 0
        amplitude = (self.l_linear.weight * (voiced * config.sine_amplitude)) * heard  # [B, T, H]
        level = voiced * config.noise_std + (1 - voiced) * (config.sine_amplitude / 3)
        noise = self._noise(seeds, frames, f0.shape[1], len(self.orders) if config.noise_per_harmonic else 1)
        hiss = (noise @ self.l_linear.weight[0] if config.noise_per_harmonic else noise[..., 0]) * level
        merged = (angle.sin() @ amplitude.unsqueeze(-1))[..., 0] + hiss + self.l_linear.bias
        signals = [torch.tanh(merged)]
        if config.noise_branch:
            signals.append(noise[..., 0] * (config.sine_amplitude / 3))
        return torch.stack(signals, dim=1).flatten(2), phase

    def _turns(self, f0: Tensor, phase: Tensor) -> tuple[Tensor, Tensor]:
        """The fundamental's place in its turn at each sample [B, T, hop], and after the last frame [B]."""
        device, f0 = f0.device, f0.to(phase.device).double()
        steps = torch.arange(1, self.hop + 1, dtype=torch.float64, device=phase.device) / self.sample_rate
        ends = phase.unsqueeze(1) + (f0 * (self.hop / self.sample_rate)).cumsum(dim=1)
        starts = torch.cat((phase.unsqueeze(1), ends[:, :-1]), dim=1) if f0.shape[1] else ends
        turns = (starts.unsqueeze(-1) + f0.unsqueeze(-1) * steps) % 1.0  # f0 is a staircase, as in the reference
        return turns.float().to(device), ends[:, -1] % 1.0 if f0.shape[1] else phase

    def _noise(self, seeds: Numbers, frames: Numbers, n_frames: int, channels: int) -> Tensor:
        """[B, T, hop, channels] standard normal, addressed by absolute sample and channel."""
        size, keys = self.hop * channels, keys_of(seeds, Stream.VOCODER)
        rows = normals(keys, times(frames, size), n_frames * size, self.orders.device)
        return rows.view(len(seeds), n_frames, self.hop, channels)
