"""Another voice from the same mel: the pitch times a factor, and the filters with their formants moved.

What a source and filters say is easily said by somebody larger: the source is slower, and the filters keep their shape
while their frequencies shrink. A low voice has more of its high harmonics than a high one that is moved down: the
filter of the pulses is tilted. The filters are a linear layer's, so the layer itself is changed, once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TILTED = (800.0, 6400.0)  # Hz; below and above as at these
TILT_HZ = 1300.0  # where a tilt changes nothing; karl is so as loud as anna
SMOOTHING = 3.0  # bins, standard deviation: a filter of another pitch must not know where the harmonics were


@dataclass(frozen=True, kw_only=True)
class Timbre:
    """Of a voice, relative to the one that the mel says."""

    pitch: float = 1.0
    formants: float = 1.0  # their frequencies
    tilt: float = 0.0  # of the pulses' filter in dB an octave, between TILTED

    def __post_init__(self) -> None:
        for name in ("pitch", "formants"):
            if not 0.25 <= getattr(self, name) <= 4.0:
                raise ValueError(f"timbre.{name} {getattr(self, name)} is not within 0.25 to 4")
        if not -12.0 <= self.tilt <= 12.0:
            raise ValueError(f"timbre.tilt {self.tilt} is not within -12 to 12")

    @property
    def natural_filters(self) -> bool:
        return self.formants == 1.0 and self.tilt == 0.0


NATURAL = Timbre()


@torch.no_grad()
def moved(filters: nn.Linear, timbre: Timbre, bin_hz: float) -> nn.Linear:
    """A layer [width] -> [2 bins] of ln magnitudes, of which each half is smoothed and stretched over its bins, and the
    first one, the pulses', tilted."""
    n_bins, device = filters.out_features // 2, filters.weight.device
    rows = torch.cat([filters.weight, filters.bias[:, None]], 1).unflatten(0, (2, n_bins))
    places = (torch.arange(n_bins, device=device) / timbre.formants).clamp(max=n_bins - 1)
    low = places.floor().long()
    high = (low + 1).clamp(max=n_bins - 1)
    smooth = _smoothed(rows)
    stretched = torch.lerp(smooth[:, low], smooth[:, high], (places - low)[:, None]).flatten(0, 1)
    layer = nn.Linear(filters.in_features, filters.out_features, device=device, dtype=filters.weight.dtype)
    layer.weight.copy_(stretched[:, :-1])
    layer.bias.copy_(stretched[:, -1])
    layer.bias[:n_bins] += timbre.tilt * _octaves(n_bins, bin_hz).to(layer.bias) * (math.log(10.0) / 20.0)
    return layer


def _octaves(n_bins: int, bin_hz: float) -> Tensor:
    """[bins] above TILT_HZ."""
    low, high = TILTED
    return ((torch.arange(n_bins) * bin_hz).clamp(low, high) / TILT_HZ).log2()


def _smoothed(rows: Tensor) -> Tensor:
    """[2, bins, columns] -> the same, smoothed along the bins."""
    reach = math.ceil(3 * SMOOTHING)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=rows.device) / SMOOTHING).square())
    columns = F.pad(rows.transpose(1, 2), (reach, reach), mode="replicate")
    smooth: Tensor = F.conv1d(columns.flatten(0, 1)[:, None], (taps / taps.sum())[None, None])[:, 0]
    return smooth.view(2, -1, smooth.shape[1]).mT
