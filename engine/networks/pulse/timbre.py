"""Another voice from the same mel: the pitch times a factor, and the filters with their formants moved.

What a source and filters say is easily said by somebody larger: the source is slower, and the filters keep their shape
while their frequencies shrink. The filters are a linear layer's, so the layer itself is moved, once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMOOTHING = 3.0  # bins, standard deviation: a filter of another pitch must not know where the harmonics were


@dataclass(frozen=True, kw_only=True)
class Timbre:
    """Of a voice, relative to the one that the mel says."""

    pitch: float = 1.0
    formants: float = 1.0  # their frequencies

    def __post_init__(self) -> None:
        for name in ("pitch", "formants"):
            if not 0.25 <= getattr(self, name) <= 4.0:
                raise ValueError(f"timbre.{name} {getattr(self, name)} is not within 0.25 to 4")


NATURAL = Timbre()


@torch.no_grad()
def moved(filters: nn.Linear, formants: float) -> nn.Linear:
    """A layer [width] -> [2 bins] of ln magnitudes, of which each half is smoothed and stretched over its bins."""
    n_bins, device = filters.out_features // 2, filters.weight.device
    rows = torch.cat([filters.weight, filters.bias[:, None]], 1).unflatten(0, (2, n_bins))
    places = (torch.arange(n_bins, device=device) / formants).clamp(max=n_bins - 1)
    low = places.floor().long()
    high = (low + 1).clamp(max=n_bins - 1)
    smooth = _smoothed(rows)
    stretched = torch.lerp(smooth[:, low], smooth[:, high], (places - low)[:, None]).flatten(0, 1)
    layer = nn.Linear(filters.in_features, filters.out_features, device=device, dtype=filters.weight.dtype)
    layer.weight.copy_(stretched[:, :-1])
    layer.bias.copy_(stretched[:, -1])
    return layer


def _smoothed(rows: Tensor) -> Tensor:
    """[2, bins, columns] -> the same, smoothed along the bins."""
    reach = math.ceil(3 * SMOOTHING)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=rows.device) / SMOOTHING).square())
    columns = F.pad(rows.transpose(1, 2), (reach, reach), mode="replicate")
    smooth: Tensor = F.conv1d(columns.flatten(0, 1)[:, None], (taps / taps.sum())[None, None])[:, 0]
    return smooth.view(2, -1, smooth.shape[1]).mT
