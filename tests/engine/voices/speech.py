"""Sound that levels and front ends take for speech: syllables of harmonics with moving pitch, pauses, faint noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SYLLABLE_S = 0.22
N_HARMONICS = 24


def speech_like(seconds: float, rate: int, seed: int = 0, level: float = 0.3, noise: float = 1e-4) -> Floats:
    """[seconds * rate], peak `level`; every fifth syllable is a pause."""
    random = np.random.default_rng(seed)
    n = round(seconds * rate)
    time = np.arange(n) / rate
    syllable = (time / SYLLABLE_S).astype(int)
    count = syllable[-1] + 1
    pitch = 110.0 * 2.0 ** random.uniform(0.0, 1.0, count)
    formants = random.uniform(300.0, 3_000.0, (2, count))
    phase = 2.0 * np.pi * np.cumsum(pitch[syllable] * (1.0 + 0.03 * np.sin(2.0 * np.pi * 3.0 * time))) / rate
    turn = np.exp(1j * phase).astype(np.complex64)
    harmonic, wav = np.ones_like(turn), np.zeros(n, np.float32)
    for number in range(1, N_HARMONICS + 1):
        frequency = number * pitch
        strength = np.exp(-(((frequency - formants) / 400.0) ** 2)).sum(axis=0) + 0.05
        harmonic *= turn
        wav += np.where(frequency < 0.45 * rate, strength, 0.0).astype(np.float32)[syllable] * harmonic.imag
    wav *= np.sin(np.pi * (time / SYLLABLE_S % 1.0)) ** 2 * (syllable % 5 != 4)
    noisy: Floats = (level * wav / np.abs(wav).max() + noise * random.standard_normal(n)).astype(np.float32)
    return noisy
