"""Another voice from the same mel: another pitch, and the filters with their formants moved.

What a source and filters say is easily said by somebody larger: the source is slower, and the filters keep their shape
while their frequencies shrink. Their shape is what they are at the harmonics of the voice that the mel says: between
these they only know where no harmonic was, which is a trace of that voice's pitch. A low voice has more of its high
harmonics than a high one that is moved down, and its pulses lie farther apart, so that it is heard that all harmonics
begin together: the pulses' filter is tilted and gets a phase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

TILTED = (800.0, 6400.0)  # Hz; below and above as at these
TILT_HZ = 1300.0  # where a tilt changes nothing; karl is so as loud as anna
REMEMBERED = 64  # timbres whose tables are kept, of some 5 kB each
LIMITS = {"pitch": (0.25, 4.0), "formants": (0.25, 4.0), "tilt": (-12.0, 12.0), "phase": (0.0, 1.0)}


@dataclass(frozen=True, kw_only=True)
class Timbre:
    """Of a voice, relative to the one that the mel says."""

    pitch: float = 1.0
    formants: float = 1.0  # their frequencies
    tilt: float = 0.0  # of the pulses' filter in dB an octave, between TILTED
    phase: float = 0.0  # of the pulses' filter, as a share of its minimum phase

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"timbre.{name} {getattr(self, name)} is not within {least:g} to {most:g}")

    @property
    def natural_filters(self) -> bool:
        return self.formants == 1.0 and self.tilt == 0.0 and self.phase == 0.0


NATURAL = Timbre()


def moved(pulses: Tensor, noise: Tensor, f0: Tensor, timbre: Timbre, bin_hz: float) -> tuple[Tensor, Tensor]:
    """Both filters [B, J, bins], ln magnitudes of a voice whose pitch is f0 [B, J] in Hz, 0 where there is none, with
    this timbre."""
    from_bins, tilt = _tables(timbre, pulses.shape[-1], bin_hz, pulses.device)
    places = from_bins.expand_as(pulses)
    voiced, spacing = (f0 > 0)[..., None], (torch.where(f0 > 0, f0, 1e3) / bin_hz)[..., None]
    own_pulses = torch.where(voiced, _through_harmonics(pulses, spacing, places), _at(pulses, places))
    own_noise = torch.where(voiced, _mean(noise, spacing, places), _at(noise, places))
    return own_pulses + tilt, own_noise


def minimum_phase(filters: Tensor) -> Tensor:
    """Of ln magnitudes [B, J, bins], in rad."""
    size = 2 * (filters.shape[-1] - 1)
    behind: Tensor = torch.fft.irfft(filters, size) * _behind(size, filters.device)
    phase: Tensor = torch.fft.rfft(behind).imag
    return phase


@lru_cache(REMEMBERED)
def _tables(timbre: Timbre, n_bins: int, bin_hz: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """From which place each bin comes, and what its pulses gain in ln magnitude: [bins] each."""
    low, high = TILTED
    with torch.inference_mode(False):
        bins = torch.arange(n_bins, device=device)
        octaves = ((bins * bin_hz).clamp(low, high) / TILT_HZ).log2()
        return bins / timbre.formants, timbre.tilt * (math.log(10.0) / 20.0) * octaves


@lru_cache(REMEMBERED)
def _behind(size: int, device: torch.device) -> Tensor:
    """[size] sign of a cepstrum by which what comes before the pulse is put behind it."""
    with torch.inference_mode(False):
        sign = torch.ones(size, device=device)
        sign[size // 2 + 1 :] = -1.0
        sign[0] = sign[size // 2] = 0.0
        return sign


def _at(x: Tensor, places: Tensor) -> Tensor:
    """Values [..., bins] at places between them [..., P]; beyond the ends as at these."""
    last = x.shape[-1] - 1
    places = places.clamp(0, last)
    low = places.floor().long().clamp(max=last - 1)
    return torch.lerp(x.gather(-1, low), x.gather(-1, low + 1), places - low)


def _through_harmonics(x: Tensor, spacing: Tensor, places: Tensor) -> Tensor:
    """Straight lines through the values at the harmonics, which are so many bins apart [..., 1]."""
    harmonic = places / spacing
    below = harmonic.floor()
    highest = ((x.shape[-1] - 1) / spacing).floor()
    low, high = (torch.minimum(number.clamp(min=1.0), highest) * spacing for number in (below, below + 1.0))
    return torch.lerp(_at(x, low), _at(x, high), harmonic - below)


def _mean(x: Tensor, width: Tensor, places: Tensor) -> Tensor:
    """Mean over so many bins [..., 1] around the places."""
    size = x.shape[-1]
    sums, middle = F.pad(x.cumsum(-1), (1, 0)), places.clamp(0, size - 1) + 0.5
    start, end = ((middle + side * width / 2).clamp(0, size) for side in (-1, 1))
    return (_at(sums, end) - _at(sums, start)) / (end - start)
