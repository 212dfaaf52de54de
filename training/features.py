"""Signal features of the teacher's audio: mel, f0, code features, speech tokens. All functions are pure.

Waveform [N] at 24 kHz, N a multiple of 960 -> mel [N/480, 80] and f0 [N/480] at 50 Hz -> tokens [N/960] at 25 Hz.
The mel follows S3Gen's convention: n_fft 1920, hop 480, slaney filters up to 8 kHz, reflect padding of 720 and no
centring, ln(max(x, 1e-5)). The speech tokens are k-means codes of per-voice normalised features, so that two voices
saying the same sentence in the same way get nearly the same codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal
import torch

from engine.networks.cloning.frontends import slaney_edges, slaney_filters

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

SAMPLE_RATE = 24_000  # Hz
N_FFT = 1_920  # 80 ms
HOP = 480  # 20 ms: 50 frames a second
PADDING = (N_FFT - HOP) // 2  # 720 samples, so that N samples give N / HOP frames
MELS = 80
MEL_TOP = 8_000.0  # Hz
MEL_FLOOR = 1e-5

TEACHER_HOP = 300  # samples between the pitch values that a teacher says itself
F0_RATE = 6_000  # Hz: pitch is looked for in the lowest kilohertz only
F0_BAND = (50.0, 900.0)  # Hz
F0_RANGE = (60.0, 420.0)  # Hz
F0_WINDOW = 240  # 40 ms at F0_RATE
F0_HOP = 120  # 20 ms at F0_RATE
VOICED_CORRELATION = 0.6
OCTAVE_TOLERANCE = 0.9  # the shortest lag this close to the best one wins

CEPSTRA = 26
LOUDNESS_WEIGHT = 0.7  # of the cepstral coefficient 0
PITCH_WEIGHT = 16.0  # per unit of ln f0
VOICED_WEIGHT = 1.5
SILENCE = -9.5  # ln mel below this is silence to the codes
CODEBOOK_STEPS = 10  # of k-means
SPEECH_MARGIN = 2.0  # mean ln mel this far above silence is fully speech


def mel_spectrogram(wav: Floats) -> Floats:
    """[N] -> [N / 480, 80] ln mel."""
    padded = np.pad(wav, PADDING, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    spectrum = np.abs(scipy.fft.rfft(frames * _window(), axis=-1))
    mel: Floats = spectrum.astype(np.float32) @ mel_filters()
    return np.log(np.maximum(mel, MEL_FLOOR))


@cache
def _window() -> Floats:
    return np.asarray(scipy.signal.get_window("hann", N_FFT), np.float32)


def mel_filters() -> Floats:
    """[961, 80]"""
    return slaney_filters(SAMPLE_RATE, N_FFT, MELS, MEL_TOP)


def fundamental(wav: Floats) -> Floats:
    """[N] -> [N / 480] f0 in Hz, 0 where unvoiced: normalised cross-correlation of 40 ms windows at 6 kHz."""
    low = scipy.signal.resample_poly(wav, 1, SAMPLE_RATE // F0_RATE).astype(np.float32)
    low = scipy.signal.sosfiltfilt(_pitch_band(), low).astype(np.float32)
    shortest, longest = int(F0_RATE / F0_RANGE[1]), int(F0_RATE / F0_RANGE[0]) + 1
    half = (F0_WINDOW + longest) // 2  # window and its shifted copy sit symmetrically round the frame's centre
    padded = np.pad(low, (half - F0_HOP // 2, half + longest))
    n_frames = len(low) // F0_HOP
    spans = np.lib.stride_tricks.sliding_window_view(padded, F0_WINDOW + longest)[::F0_HOP][:n_frames]
    correlation, energy = _correlation(spans, shortest, longest)
    lag, peak = _best_lag(correlation, shortest)
    loud = energy > 1e-6 * F0_WINDOW
    raw = np.where((peak > VOICED_CORRELATION) & loud, F0_RATE / lag, 0.0)
    return _without_islands(raw.astype(np.float32))


@cache
def _pitch_band() -> npt.NDArray[np.float64]:
    return np.asarray(scipy.signal.butter(2, F0_BAND, btype="bandpass", fs=F0_RATE, output="sos"))


def _correlation(spans: Floats, shortest: int, longest: int) -> tuple[Floats, Floats]:
    """[T, window + longest] -> normalised correlation [T, lags] from `shortest` - 1 on, and window energy [T]."""
    head = spans[:, :F0_WINDOW]
    size = 512
    products = scipy.fft.irfft(np.conj(scipy.fft.rfft(head, size)) * scipy.fft.rfft(spans, size), size)
    squares = np.cumsum(np.pad(spans.astype(np.float64) ** 2, ((0, 0), (1, 0))), axis=1)
    energies = squares[:, F0_WINDOW:] - squares[:, :-F0_WINDOW]  # [T, longest + 1] energy of the copy at each lag
    lags = slice(shortest - 1, longest + 1)
    norm = np.sqrt(energies[:, :1] * energies[:, lags]) + 1e-9
    return (products[:, lags] / norm).astype(np.float32), energies[:, 0].astype(np.float32)


def _best_lag(correlation: Floats, shortest: int) -> tuple[Floats, Floats]:
    """The shortest lag whose peak is nearly the highest, refined by a parabola."""
    middle = correlation[:, 1:-1]
    is_peak = (middle >= correlation[:, :-2]) & (middle > correlation[:, 2:])
    heights = np.where(is_peak, middle, -1.0)
    best = heights.max(axis=1)
    first = np.argmax(heights >= OCTAVE_TOLERANCE * best[:, None], axis=1)
    rows = np.arange(len(first))
    left, top, right = (correlation[rows, first + shift] for shift in range(3))
    curvature = left - 2.0 * top + right
    shift = np.where(np.abs(curvature) > 1e-6, 0.5 * (left - right) / np.where(curvature == 0, 1.0, curvature), 0.0)
    return (shortest + first + np.clip(shift, -0.5, 0.5)).astype(np.float32), heights[rows, first]


def _without_islands(f0: Floats) -> Floats:
    """Removes octave jumps against the neighbourhood and voiced or unvoiced islands of one frame."""
    voiced = f0 > 0
    smooth_voiced = scipy.signal.medfilt(voiced.astype(np.float32), 3) > 0.5
    if voiced.sum() < 3:
        return np.zeros_like(f0)
    filled = interpolated(f0)
    median = scipy.signal.medfilt(np.pad(filled, 3, mode="edge"), 7)[3:-3]
    jump = np.abs(np.log(filled / median)) > 0.2
    return np.where(smooth_voiced, np.where(jump, median, filled), 0.0).astype(np.float32)


def at_frames(pitch: Floats, start: int, n_frames: int) -> Floats:
    """Pitch at 80 Hz from the utterance's first sample on -> at 50 Hz from sample `start` on, 0 where unvoiced."""
    middles = start + HOP * np.arange(n_frames) + HOP // 2
    places = np.round(middles / TEACHER_HOP).astype(int)
    values = np.where(places < len(pitch), pitch[np.minimum(places, len(pitch) - 1)], 0.0)
    return np.where(values > 40.0, values, 0.0).astype(np.float32)


def interpolated(f0: Floats) -> Floats:
    """f0 with unvoiced stretches bridged (linear in Hz, flat at the ends); needs one voiced frame."""
    voiced = np.flatnonzero(f0 > 0)
    return np.interp(np.arange(len(f0)), voiced, f0[voiced]).astype(np.float32)


@dataclass(frozen=True)
class Normalisation:
    """What makes one voice's features alike another's."""

    formants: float  # formant frequencies relative to the first voice's
    f0_median: float  # Hz, over voiced frames
    mean: Floats  # [26] of the voice's cepstra over speech
    std: Floats  # [26]
    common_mean: Floats  # [26] of all voices
    common_std: Floats  # [26]

    @classmethod
    def from_stats(cls, voice: Mapping[str, Any]) -> Normalisation:
        """From a voice's entry in a data set's stats.json."""
        names = ("cepstrum_mean", "cepstrum_std", "common_mean", "common_std")
        return cls(voice["formants"], voice["f0_median"], *(np.asarray(voice[name], np.float32) for name in names))


def cepstra(mel: Floats, formants: float = 1.0) -> tuple[Floats, Floats]:
    """[T, 80] -> cosine coefficients [T, 26] of the floored ln mel, and how much of each frame is speech [T] 0..1.

    The frequency axis is first stretched: formants `formants` times as high fall where the first voice has them."""
    floored = np.maximum(mel @ _stretch(formants), SILENCE)
    speech = np.clip((floored.mean(axis=1) - SILENCE) / SPEECH_MARGIN, 0.0, 1.0)
    return scipy.fft.dct(floored, norm="ortho", axis=-1)[:, :CEPSTRA].astype(np.float32), speech.astype(np.float32)


@cache
def _stretch(formants: float) -> Floats:
    """[80, 80] linear interpolation: column b reads the mel axis at `formants` times the frequency of bin b."""
    hz = slaney_edges(MELS, MEL_TOP)[1:-1]
    position = np.interp(formants * hz, hz, np.arange(MELS))
    return np.maximum(0.0, 1.0 - np.abs(np.arange(MELS)[:, None] - position)).astype(np.float32)


def code_features(mel: Floats, f0: Floats, norm: Normalisation) -> Floats:
    """[2K, 80], [2K] -> [K, 56]: two frames of cepstra, relative pitch and voicing per token.

    Normalisation acts on speech only: silence stays where it is, and so has the same codes in every voice."""
    coefficients, speech = cepstra(mel, norm.formants)
    alike = (coefficients - norm.mean) / norm.std * norm.common_std + norm.common_mean
    coefficients = coefficients + speech[:, None] * (alike - coefficients)
    coefficients[:, 0] *= LOUDNESS_WEIGHT
    voiced = f0 > 0
    pitch = PITCH_WEIGHT * np.log(interpolated(f0) / norm.f0_median) if voiced.any() else np.zeros_like(f0)
    frames = np.column_stack([coefficients, pitch, VOICED_WEIGHT * voiced])
    return frames.reshape(len(frames) // 2, -1).astype(np.float32)


def nearest(features: Floats, codebook: Floats, block: int = 16_384) -> Ints:
    """[K, D], [V, D] -> [K] index of the nearest centre."""
    centres = torch.from_numpy(codebook)
    half_norm = 0.5 * centres.square().sum(1)
    pieces = torch.from_numpy(features).split(block)
    return torch.cat([(piece @ centres.T - half_norm).argmax(1) for piece in pieces]).numpy()


def fit_codebook(
    features: Floats,
    size: int,
    seed: int,
    share: Floats | None = None,
    certain: Ints | None = None,
    steps: int = CODEBOOK_STEPS,
) -> Floats:
    """Lloyd's k-means from the points `certain` and random ones, each as likely as its `share`; a centre that lost all
    its points restarts at a random one."""
    generator = np.random.default_rng(seed)
    chance = np.ones(len(features)) if share is None else share.astype(np.float64)
    first = np.zeros(0, np.int64) if certain is None else certain
    chance[first] = 0.0
    drawn = generator.choice(len(features), size - len(first), replace=False, p=chance / chance.sum())
    codebook: Floats = features[np.concatenate([first, drawn])].copy()
    for _ in range(steps):
        labels = nearest(features, codebook)
        counts = np.bincount(labels, minlength=size)
        sums = torch.zeros(size, features.shape[1]).index_add_(0, torch.from_numpy(labels), torch.from_numpy(features))
        codebook = (sums.numpy() / np.maximum(counts, 1)[:, None]).astype(np.float32)
        empty = np.flatnonzero(counts == 0)
        codebook[empty] = features[generator.choice(len(features), len(empty))]
    return codebook


def codebook_figures(features: Floats, codebook: Floats) -> dict[str, float]:
    """Share of the variance the codes explain, and the perplexity of their use."""
    labels = nearest(features, codebook)
    residual = float(np.square(features - codebook[labels]).sum(1).mean())
    total = float(features.var(axis=0).sum())
    use = np.bincount(labels, minlength=len(codebook)) / len(labels)
    entropy = -float((use[use > 0] * np.log(use[use > 0])).sum())
    return {"explained_variance": 1.0 - residual / total, "perplexity": float(np.exp(entropy))}
