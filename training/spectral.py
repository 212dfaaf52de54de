"""Distances of two waveforms by their spectra."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.features import N_FFT, PADDING, mel_filters

RESOLUTIONS = (2048, 1024, 512)  # samples; shorter windows would see where a pulse is, which the mel does not say
SPECTRUM_FLOOR = 1e-3  # about -90 dBFS of noise
TRAINED_MEL_FLOOR = 1e-4  # about -87 dBFS of noise; what is quieter is silence to the loss


class SpectralLoss(nn.Module):
    """Distances of two waveforms [B, N]: (multi-resolution spectrum, ln mel L1)."""

    filters: Tensor  # [961, 80]

    def __init__(self, floor: float = TRAINED_MEL_FLOOR) -> None:
        super().__init__()
        self.floor = floor
        self.register_buffer("filters", torch.from_numpy(mel_filters()))
        for size in (*RESOLUTIONS, N_FFT):
            self.register_buffer(f"window_{size}", torch.hann_window(size))

    def forward(self, made: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        spectra = made.new_zeros(())
        for size in RESOLUTIONS:
            a, b = self._magnitude(made, size, size // 4), self._magnitude(true, size, size // 4)
            log = (a.clamp_min(SPECTRUM_FLOOR).log() - b.clamp_min(SPECTRUM_FLOOR).log()).abs().mean()
            spectra = spectra + log + (a - b).norm() / b.norm().clamp_min(1.0)
        return spectra / len(RESOLUTIONS), (self.mel(made) - self.mel(true)).abs().mean()

    def mel(self, wav: Tensor) -> Tensor:
        hop = N_FFT - 2 * PADDING
        padded = F.pad(wav, (PADDING, PADDING), mode="reflect")
        magnitude = self._magnitude(padded, N_FFT, hop).transpose(1, 2)
        return (magnitude @ self.filters).clamp_min(self.floor).log()

    def _magnitude(self, wav: Tensor, size: int, hop: int) -> Tensor:
        spectrum = torch.stft(wav, size, hop, window=getattr(self, f"window_{size}"), center=False, return_complex=True)
        return (spectrum.real**2 + spectrum.imag**2 + 1e-9).sqrt()
