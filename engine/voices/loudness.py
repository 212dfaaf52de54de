"""Integrated loudness of a mono waveform [N] in LUFS: how loud a listener finds it, pauses not counted.

Source: ITU-R BS.1770-4. The weighting filters are evaluated on the unit circle instead of run sample by sample, which
needs no filter routine; their tails are shorter than the padding.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

BLOCK_S = 0.4
HOPS_PER_BLOCK = 4
OFFSET = -0.691  # dB: a full-scale sine of 997 Hz measures -3.01
ABSOLUTE_GATE = -70.0  # LUFS: quieter blocks are silence
RELATIVE_GATE = -10.0  # LU: so are blocks this far below the mean of the rest
FILTER_TAIL_S = 0.25  # the high-pass has decayed by 500 dB

# Quirk: the reference measures with rounded values of the standard's two filters.
SHELF_HZ, SHELF_Q, SHELF_DB = 1_500.0, math.sqrt(0.5), 4.0  # the head reflects treble
HIGH_PASS_HZ, HIGH_PASS_Q = 38.0, 0.5


def integrated(wav: Floats, rate: int) -> float:
    """-inf for silence, and for what is shorter than a block."""
    power = _block_power(_weighted(wav, rate), rate)
    power = power[_lufs(power) >= ABSOLUTE_GATE]
    if not len(power):
        return -math.inf
    power = power[_lufs(power) > _lufs(power.mean()) + RELATIVE_GATE]
    return float(_lufs(power.mean()))


def normalised(wav: Floats, rate: int, target: float) -> Floats:
    """At `target` LUFS; silence stays as it is."""
    loudness = integrated(wav, rate)
    return wav * np.float32(10.0 ** ((target - loudness) / 20.0)) if math.isfinite(loudness) else wav


def _lufs(power: npt.ArrayLike) -> Doubles:
    return OFFSET + 10.0 * np.log10(np.maximum(power, np.finfo(np.float64).tiny))


def _block_power(wav: Doubles, rate: int) -> Doubles:
    """Mean square of every block; a last block counts if at least half of its last hop is there."""
    hop = round(BLOCK_S * rate) // HOPS_PER_BLOCK
    n_hops = round(len(wav) / hop)
    hops = np.pad(wav, (0, hop))[: n_hops * hop].reshape(n_hops, hop)
    energy = np.square(hops).sum(axis=1)
    if n_hops < HOPS_PER_BLOCK:
        return np.zeros(0)
    return np.convolve(energy, np.ones(HOPS_PER_BLOCK), mode="valid") / (hop * HOPS_PER_BLOCK)


def _weighted(wav: Floats, rate: int) -> Doubles:
    size = len(wav) + round(FILTER_TAIL_S * rate)
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    spectrum = np.fft.rfft(wav.astype(np.float64), size)
    for numerator, denominator in (_high_prepared(rate), _high_pass(rate)):
        spectrum *= np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    return np.fft.irfft(spectrum, size)[: len(wav)]


Biquad = tuple[tuple[float, float, float], tuple[float, float, float]]  # numerator, denominator by delay


def _high_prepared(rate: int) -> Biquad:
    """R. Bristow-Johnson, Cookbook formulae for audio equalizer biquad filter coefficients."""
    gain = 10.0 ** (SHELF_DB / 40.0)
    cosine, alpha = _angle(SHELF_HZ, SHELF_Q, rate)
    more, less, slope = gain + 1.0, gain - 1.0, 2.0 * math.sqrt(gain) * alpha
    numerator = (
        gain * (more + less * cosine + slope),
        -2.0 * gain * (less + more * cosine),
        gain * (more + less * cosine - slope),
    )
    return numerator, (more - less * cosine + slope, 2.0 * (less - more * cosine), more - less * cosine - slope)


def _high_pass(rate: int) -> Biquad:
    cosine, alpha = _angle(HIGH_PASS_HZ, HIGH_PASS_Q, rate)
    half = (1.0 + cosine) / 2.0
    return (half, -2.0 * half, half), (1.0 + alpha, -2.0 * cosine, 1.0 - alpha)


def _angle(frequency: float, q: float, rate: int) -> tuple[float, float]:
    w = 2.0 * math.pi * frequency / rate
    return math.cos(w), math.sin(w) / (2.0 * q)
