"""Short-time spectra of a signal that arrives in pieces, and the signal of spectra that arrive in pieces.

[B, S, N] samples <-> N / hop + 1 spectra, windows centred on every hop, the signal mirrored at its true ends: the
values of torch.stft and torch.istft. Streaming kind: input tails one way, overlap-add tails the other; both lag half a
window.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.networks.convs import Walk


class Stft(nn.Module):
    """Short-time spectra and back, as products with windowed Fourier bases (real parts first, then imaginary)."""

    analysis: Tensor  # [n_fft, n_fft + 2]
    synthesis: Tensor  # [n_fft + 2, n_fft]
    overlap: Tensor  # [n_fft / hop, hop], the squared window in hops

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.hop = hop
        window = torch.hann_window(n_fft, dtype=torch.float64)
        forward = torch.fft.rfft(torch.diag(window))  # row: a sample's part in each bin
        unit = torch.eye(n_fft // 2 + 1, dtype=torch.complex128)
        inverse = torch.cat((torch.fft.irfft(unit, n_fft), torch.fft.irfft(unit * 1j, n_fft))) * window
        analysis = torch.cat((forward.real, forward.imag), dim=1)
        self.register_buffer("analysis", analysis.float(), persistent=False)
        self.register_buffer("synthesis", inverse.float(), persistent=False)
        self.register_buffer("overlap", (window**2).view(-1, hop).float(), persistent=False)

    @property
    def reach(self) -> int:
        """Spectra that a sample is made of; where so many came before, it no longer matters how many there were."""
        return len(self.overlap)

    def spectra(self, signal: Tensor, walk: Walk) -> Tensor:
        """[B, S, N] -> [B, S * (n_fft + 2), N / hop + 1]: windows centred on every hop, mirrored at the true ends."""
        half = self.n_fft // 2
        signal = walk.extend(walk.reflect_start(signal, half), 0)
        if walk.final and signal.shape[-1] > half:
            signal = F.pad(signal, (0, half), mode="reflect")
        count = max(0, (signal.shape[-1] - self.n_fft) // self.hop + 1)
        walk.keep(signal[..., count * self.hop :])
        if count == 0:
            return signal.new_zeros(signal.shape[0], signal.shape[1] * self.analysis.shape[1], 0)
        windows = signal.unfold(-1, self.n_fft, self.hop)
        return (windows @ self.analysis).transpose(2, 3).flatten(1, 2)

    def waveform(self, real: Tensor, imaginary: Tensor, position: int, walk: Walk) -> Tensor:
        """[B, n_fft / 2 + 1, J] each, the first being spectrum number `position` -> [B, N] finished samples."""
        windows = torch.cat((real, imaginary), dim=1).transpose(1, 2) @ self.synthesis
        blocks = self._overlap_add(windows.view(*windows.shape[:2], len(self.overlap), self.hop), walk)
        # The windows' sum of squares is constant but for the true ends, where some of them are missing.
        n_blocks, count = blocks.shape[1], real.shape[-1]
        per_window = self.reach
        if position < per_window or walk.final:
            block = torch.arange(position, position + n_blocks, device=real.device)[:, None]
            window = block - torch.arange(per_window, device=real.device)
            present = (window >= 0) & (window < position + count)
            weight = present.to(real.dtype) @ self.overlap
        else:
            weight = self.overlap.sum(dim=0)
        start = max(0, per_window // 2 - position)
        stop = n_blocks - (per_window // 2 if walk.final else 0)
        return (blocks / weight.clamp_min(1e-8))[:, start:stop].flatten(1)

    def _overlap_add(self, windows: Tensor, walk: Walk) -> Tensor:
        """[B, J, n, hop] -> [B, J, hop] finished blocks; n - 1 unfinished ones are carried on."""
        batch, count, per_window, hop = windows.shape
        total = windows.new_zeros(batch, count + per_window - 1, hop)
        tail = walk.take()
        if tail is not None:
            total[:, : per_window - 1] = tail
        for shift in range(per_window):
            total[:, shift : shift + count] += windows[:, :, shift]
        walk.keep(total[:, count:])
        return total if walk.final else total[:, :count]
