"""Files as listeners decode them, and how alike two recordings of the same speech are."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_FRAME, _HOP = 1024, 256  # samples of the spectra that are compared
_QUIET = 10 ** (-60 / 20)  # relative to the loudest bin; below that nobody hears what differs


def decoded(file: bytes) -> tuple[NDArray[np.int16], int]:
    """Samples and their rate."""
    samples, rate = soundfile.read(io.BytesIO(file), dtype="int16")
    return samples, rate


def decoded_flac(file: bytes, length: int) -> NDArray[np.int16]:
    """Of a stream, whose head does not tell its length. libsndfile reads none such, so this writes `length` into it,
    and sees that it is not longer."""
    with pytest.raises(soundfile.LibsndfileError):
        decoded(_with_length(file, length + 1))
    return decoded(_with_length(file, length))[0]


def _with_length(flac: bytes, samples: int) -> bytes:
    """`total samples` are the last 36 bits before the checksum of the first block, which begins at byte 8."""
    return flac[:22] + samples.to_bytes(4, "big") + flac[26:]


def delay(heard: Samples, spoken: Samples, longest: int) -> int:
    """So many samples `heard` is behind `spoken`, by their correlation."""
    size = 1 << (len(heard) + len(spoken)).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(spoken, size))
    return int(np.argmax(np.fft.irfft(product, size)[: longest + 1]))


def spectral_distance_db(heard: Samples, spoken: Samples) -> float:
    """Mean difference of the logarithmic magnitudes, over all bins within 60 dB of the loudest. 0: the same sound."""
    length = min(len(heard), len(spoken))
    ours, theirs = _spectra(spoken[:length]), _spectra(heard[:length])
    floor = ours.max() * _QUIET
    audible = ours > floor
    difference = 20 * np.abs(np.log10(np.maximum(theirs, floor)) - np.log10(np.maximum(ours, floor)))
    return float(difference[audible].mean())


def _spectra(samples: Samples) -> NDArray[np.float32]:
    starts = np.arange(0, len(samples) - _FRAME + 1, _HOP)
    frames = samples[starts[:, None] + np.arange(_FRAME)] * np.hanning(_FRAME)
    return np.abs(np.fft.rfft(frames)).astype(np.float32)
