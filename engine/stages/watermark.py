"""PerTh watermark, streamed: [N] float32 at 24 kHz in, as many marked samples out at once. Nothing is held back.

The mark changes magnitudes below 2 kHz by what a small convolutional network makes of the log spectrogram. Here it is
the residual that is computed, and added to samples that otherwise stay as they are:

  samples -> STFT (64 ms windows, 10 ms hop) -> log magnitudes -> network -> gains -> residual spectrum -> overlap-add

A sample's mark depends on 214 ms that follow: 5 convolutions of 3 frames ahead, and two half windows. At the end of a
chunk these are not there yet, and the mark is what it would be if the audio ended there; everywhere else it is that of
the whole recording. The next chunk's mark is faded in over the continuation of the last one's. So cutting does matter
here, by declaration.

Weights: the `resemble-perth` package, whose file is read and whose code is not imported. Its network works at 32 kHz;
the bins it reads are the same at 24 kHz with windows of the same length, so nothing is resampled, and what lies above
2 kHz is untouched. Source: PerTh, `perth_net_implicit`.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.device.device import CPU
from engine.errors import ModelError

_PACKAGE = "perth"
_WEIGHTS = Path("perth_net", "pretrained", "implicit", "perth_net_250000.pth.tar")  # in the package
_ENCODER = "encoder.layers."
_LEAST_WEIGHT = 1e-8  # of overlapping windows, where none reaches


@dataclass(frozen=True, kw_only=True)
class WatermarkConfig:
    """What PerTh was trained with. At another rate than the trained one, windows last as long."""

    sample_rate: int = 24_000  # Hz, of what is marked
    trained_rate: int = 32_000  # Hz
    window: int = 1536  # samples, 64 ms
    hop: int = 240  # samples, 10 ms
    floor_db: float = -180.0  # magnitudes are clipped here, which is 0 to the network;
    headroom_db: float = 15.0  # 1 is this much above 0 dB
    silence: float = 0.05  # frames below this share of the loudest level so far carry no mark
    fade: int = 120  # samples, 5 ms, from the mark of one chunk to that of the next

    @property
    def range_db(self) -> float:
        return self.headroom_db - self.floor_db


@dataclass(frozen=True, kw_only=True)
class WatermarkState:
    """One utterance's. Frame f is centred on sample f * hop."""

    heard: int  # samples marked so far
    samples: Tensor  # [S] the last of them, from the beginning of frame `frame` on
    frame: int  # the first that is not complete
    tails: tuple[Tensor, ...]  # per convolution [1, C, < kernel], its last inputs
    spectra: Tensor  # [P, bins] complex, of complete frames whose gains wait for later frames
    loud: Tensor  # [P] bool, whether they carry a mark
    loudest: Tensor  # [] mean level of the loudest frame
    fading: Tensor  # [fade] how the last chunk's mark would have gone on


class Watermark(nn.Module):
    """Built from the encoder's weights by their names in the package's file."""

    window: Tensor

    def __init__(self, weights: Mapping[str, Tensor], config: WatermarkConfig | None = None) -> None:
        super().__init__()
        self.config = config or WatermarkConfig()
        shapes = [weights[name].shape for name in sorted(weights) if name.endswith(".weight")]
        self.layers = nn.ModuleList(nn.Conv1d(inputs, outputs, kernel) for outputs, inputs, kernel in shapes)
        self.layers.load_state_dict({_renamed(name): tensor for name, tensor in weights.items()})
        self.bins = shapes[0][1]  # that the network reads and changes, the lowest ones
        self.lookahead_frames = sum(kernel // 2 for *_, kernel in shapes)
        self.register_buffer("window", torch.hann_window(self.config.window))
        self.eval().requires_grad_(False)

    @staticmethod
    def load() -> Watermark:
        """Reads the weights of the installed package. Raises ModelError."""
        package = find_spec(_PACKAGE)
        if package is None or not package.submodule_search_locations:
            raise ModelError("the watermark needs a package: pip install 'gapless[watermark]'")
        path = Path(package.submodule_search_locations[0]) / _WEIGHTS
        try:
            weights: Mapping[str, Tensor] = torch.load(path, map_location=CPU, weights_only=True)["model"]
            return Watermark({name: weight for name, weight in weights.items() if name.startswith(_ENCODER)})
        except (OSError, LookupError, RuntimeError, pickle.UnpicklingError) as error:
            raise ModelError(f"{path} holds no PerTh weights: {error}") from error

    def init_state(self) -> WatermarkState:
        convolutions = [layer for layer in self.layers if isinstance(layer, nn.Conv1d)]
        return WatermarkState(
            heard=0,
            samples=torch.zeros(0),
            frame=0,
            tails=tuple(torch.zeros(1, conv.in_channels, conv.kernel_size[0] // 2) for conv in convolutions),
            spectra=torch.zeros(0, self.bins, dtype=torch.complex64),
            loud=torch.zeros(0, dtype=torch.bool),
            loudest=torch.zeros(()),
            fading=torch.zeros(self.config.fade),
        )

    @torch.inference_mode()
    def forward(
        self, samples: NDArray[np.float32], state: WatermarkState
    ) -> tuple[NDArray[np.float32], WatermarkState]:
        """Returns the samples with their mark and the state that follows; the given state stays as it is."""
        if not len(samples):
            return samples, state
        first = state.frame - len(state.spectra)
        complete, rest, state_rest = self._complete(torch.tensor(samples), state)
        known, following = self._residuals(complete, state_rest, final=False)
        supposed, _ = self._residuals(self._as_if_ended(rest, following.heard), following, final=True)
        mark = self._added_up(torch.cat([known, supposed]), first, state.heard, len(samples) + self.config.fade)
        if state.heard:
            rising = torch.linspace(0, 1, self.config.fade + 2)[1:-1]
            mark[: self.config.fade] = torch.lerp(state.fading, mark[: self.config.fade], rising)
        marked = samples + mark[: len(samples)].numpy()
        return marked, replace(following, fading=mark[len(samples) :].clone())

    def _complete(self, samples: Tensor, state: WatermarkState) -> tuple[Tensor, Tensor, WatermarkState]:
        """Frames [n, window] that the new samples complete, the samples from the next frame on, the state with these.

        The first frames look back before the beginning, where the recording is mirrored."""
        window, hop = self.config.window, self.config.hop
        half = window // 2
        heard = state.heard + len(samples)
        samples = torch.cat([state.samples, samples])
        if state.heard <= half < heard:
            samples = torch.cat([samples[1 : half + 1].flip(0), samples])
        n = (len(samples) - window) // hop + 1 if heard > half else 0
        frames = samples.unfold(0, window, hop)[:n] if n else samples.new_zeros(0, window)
        rest = samples[n * hop :]
        return frames, rest, replace(state, heard=heard, samples=rest.clone(), frame=state.frame + n)

    def _as_if_ended(self, rest: Tensor, heard: int) -> Tensor:
        """The frames [n, window] that are still incomplete, the samples being mirrored at their end."""
        half = self.config.window // 2
        too_short = heard <= half  # for a mirror
        rest = F.pad(rest, (half, half)) if too_short else torch.cat([rest, rest[-half - 1 : -1].flip(0)])
        return rest.unfold(0, self.config.window, self.config.hop)

    def _residuals(self, frames: Tensor, state: WatermarkState, *, final: bool) -> tuple[Tensor, WatermarkState]:
        """Frames [n, window] -> residuals [m, window] of those whose lookahead is there; `final`: of all."""
        config = self.config
        if not len(frames):
            return frames, state
        spectra = torch.fft.rfft(frames * self.window)
        scale = config.trained_rate / config.sample_rate
        decibels = 20 * torch.log10((spectra.abs() * scale).clamp_min(10 ** (config.floor_db / 20)))
        levels = (decibels - config.floor_db) / config.range_db
        loudness = levels.mean(1)
        loudest = torch.cat([state.loudest[None], loudness]).cummax(0).values
        loud = torch.cat([state.loud, loudness > config.silence * loudest[1:]])
        spectra = torch.cat([state.spectra, spectra[:, : self.bins]])
        change, tails = self._network(levels[:, : self.bins].T[None], state.tails, final)
        m = change.shape[2]
        residuals = frames.new_zeros(0, config.window)
        if m:
            gains = 10 ** (change[0].T * loud[:m, None] * config.range_db / 20)
            residuals = torch.fft.irfft(spectra[:m] * (gains - 1), n=config.window) * self.window
        state = replace(state, tails=tails, spectra=spectra[m:].clone(), loud=loud[m:], loudest=loudest[-1])
        return residuals, state

    def _network(self, x: Tensor, tails: tuple[Tensor, ...], final: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
        """[1, bins, n] -> [1, bins, m]; every convolution keeps the inputs that its next outputs need."""
        kept = []
        for index, (layer, tail) in enumerate(zip(self.layers, tails, strict=True)):
            assert isinstance(layer, nn.Conv1d)
            kernel = layer.kernel_size[0]
            x = torch.cat([tail, F.pad(x, (0, kernel // 2 if final else 0))], 2)
            m = max(0, x.shape[2] - kernel + 1)
            kept.append(x[:, :, m:].clone())  # and not what it is a part of
            x = layer(x) if m else x.new_zeros(1, layer.out_channels, 0)
            if index < len(self.layers) - 1:
                x = F.leaky_relu(x)
        return x, tuple(kept)

    def _added_up(self, residuals: Tensor, first: int, begin: int, length: int) -> Tensor:
        """Overlapping residuals [m, window] from frame `first` on -> [length] samples from sample `begin` on."""
        window, hop = self.config.window, self.config.hop
        total = (len(residuals) - 1) * hop + window
        both = torch.stack([residuals, self.window.square().expand_as(residuals)])  # [2, m, window]
        summed = F.fold(both.transpose(1, 2), (1, total), (1, window), stride=(1, hop))[:, 0, 0]
        start = begin - (first * hop - window // 2)
        residual, weight = F.pad(summed, (0, max(0, start + length - total)))[:, start : start + length]
        added: Tensor = residual / weight.clamp_min(_LEAST_WEIGHT)
        return added


def _renamed(name: str) -> str:
    """'encoder.layers.3.conv.weight' -> '3.weight'."""
    return name.removeprefix(_ENCODER).replace(".conv.", ".")
