"""The excitation: f0 [B, J] in Hz at the vocoder's frames -> spectra of pulses [B, J, bins].

Pulses are the sum of all harmonics below `top_hz` at equal amplitude, f0 a straight line between the frames' middles;
the phase is carried at the boundary, modulo one turn, in float64. Streaming kind: functional; frame j is analysed with
the f0 of frame j + 2, so that the f0 which goes in runs `AHEAD` frames before the filters.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from engine.device.device import Device
from engine.networks.convs import Walk

AHEAD = 2  # frames by which f0 comes before the filters: half a window
VOICED_HZ = 40.0  # f0 below it is no voice


class Excitation(nn.Module):
    window: Tensor  # [n_fft]
    ramp: Tensor  # [hop]

    def __init__(self, sample_rate: int, n_fft: int, hop: int, top_hz: float) -> None:
        super().__init__()
        if n_fft != 2 * AHEAD * hop:
            raise ValueError(f"n_fft {n_fft} is not {2 * AHEAD} hops of {hop}")
        self.sample_rate = sample_rate
        self.n_fft = n_fft
        self.hop = hop
        self.top_hz = top_hz
        # A harmonic's magnitude is 1 in its bin.
        self.register_buffer("window", torch.hann_window(n_fft) * (4 / n_fft), persistent=False)
        self.register_buffer("ramp", (torch.arange(hop, dtype=torch.float32) + 0.5) / hop, persistent=False)

    def init_phase(self, rows: int) -> Tensor:
        return torch.zeros(rows, dtype=torch.float64, device=Device.of(self.window.device).float64)

    def pulses(self, f0: Tensor, phase: Tensor, walk: Walk) -> tuple[Tensor, Tensor]:
        """[B, J] -> spectra [B, J, bins], and the phase in turns after the last of its samples [B]."""
        size, hop = f0.shape[1], self.hop
        known = walk.extend(f0.unsqueeze(1), 1)[:, 0]  # and the last f0 before: 0 at the start
        walk.keep(known[:, None, known.shape[1] - 1 :])
        # Between the middles of the frames j + 1 and j + 2: the samples from 300 j + 450 on.
        frequency = torch.lerp(known[:, :-1, None], known[:, 1:, None], self.ramp).flatten(1)
        signal, phase = self._train(frequency, phase)
        signal = walk.extend(signal.unsqueeze(1), self.n_fft - hop // 2)[:, 0]
        walk.keep(signal[:, None, size * hop :])
        if size == 0:
            return f0.new_zeros(len(f0), 0, self.n_fft // 2 + 1, dtype=torch.complex64), phase
        windows = signal.unfold(-1, self.n_fft, hop)[:, :size]
        return torch.fft.rfft(windows * self.window), phase

    def _train(self, frequency: Tensor, phase: Tensor) -> tuple[Tensor, Tensor]:
        """Of every sample's frequency [B, N]: the pulse train, and the phase after it."""
        if frequency.shape[1] == 0:
            return frequency, phase
        voiced = frequency > VOICED_HZ
        pitch = frequency.clamp_min(VOICED_HZ)
        turns = phase[:, None] + pitch.to(phase.device, torch.float64).cumsum(1) / self.sample_rate
        angle = ((turns % 1.0) * (2 * math.pi)).to(pitch.device, torch.float32)
        # sum over h = 1 .. H of cos(h x) = sin((H + 1/2) x) / (2 sin(x / 2)) - 1/2; the harmonic at the top fades in
        order = self.top_hz / pitch
        whole = order.floor()
        below = 2.0 * (angle * 0.5).sin()
        flat = below.abs() < 2e-3
        ratio = torch.where(flat, whole + 0.5, ((whole + 0.5) * angle).sin() / torch.where(flat, 1.0, below))
        signal = ratio - 0.5 + (order - whole) * ((whole + 1.0) * angle).cos()
        return torch.where(voiced, signal, 0.0), turns[:, -1] % 1.0
