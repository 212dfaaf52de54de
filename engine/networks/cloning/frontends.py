"""What the networks of cloning hear. Waveforms [B, N] of floats around -1 .. 1 -> frames [B, T, bands]; pure, offline.

    voice_encoder_mel     16 kHz -> 40 bands, 100 frames/s: mel power, linear
    fbank                 16 kHz -> 80 bands, 100 frames/s: ln of Kaldi's filter bank less each band's mean over time
    speech_tokenizer_mel  16 kHz -> 128 bands, 100 frames/s: log10 mel, the loudest 80 dB of it, around 0
    prompt_mel            24 kHz -> 80 bands, 50 frames/s: ln mel, what the flow makes

Source: the reference's voice_encoder/melspec.py, s3gen/xvector.py with Kaldi's compute-fbank-feats,
s3tokenizer/s3tokenizer.py, s3gen/utils/mel.py; the mel scale of all but Kaldi's is that of Slaney's Auditory Toolbox.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

Floats = npt.NDArray[np.float32]

SPEECH_RATE = 16_000  # Hz, of what the voice encoder, the x-vector network and the speech tokenizer hear
SPEECH_WINDOW = 400  # 25 ms
SPEECH_HOP = 160  # 10 ms
SPEECH_TOP = 8_000.0  # Hz
VOICE_ENCODER_BANDS = 40
SPEECH_TOKENIZER_BANDS = 128

TRIM_DB = 20.0  # quieter than the loudest window by more than this is silence at the edges of a recording
TRIM_WINDOW = 2_048  # samples: librosa's defaults
TRIM_HOP = 512

LOG_MEL_FLOOR = 1e-10
LOG_MEL_RANGE = 8.0  # decades below the loudest value, as Whisper's front end has it
LOG_MEL_SHIFT = LOG_MEL_SCALE = 4.0

FBANK_BANDS = 80
FBANK_SIZE = 512  # the window, filled up to a power of two
FBANK_BOTTOM = 20.0  # Hz
KALDI_MEL, KALDI_BREAK_HZ = 1_127.0, 700.0
FBANK_FLOOR = float(np.finfo(np.float32).eps)
PREEMPHASIS = 0.97
POVEY_POWER = 0.85  # of the Hann window: Kaldi's default window, after D. Povey

PROMPT_RATE = 24_000  # Hz
PROMPT_WINDOW = 1_920  # 80 ms
PROMPT_HOP = 480  # 20 ms
PROMPT_BANDS = 80
PROMPT_TOP = 8_000.0  # Hz
PROMPT_FLOOR = 1e-5
PROMPT_POWER_FLOOR = 1e-9


def voice_encoder_mel(wav: Tensor) -> Tensor:
    """[B, N] -> [B, N / 160 + 1, 40]"""
    filters = slaney_filters(SPEECH_RATE, SPEECH_WINDOW, VOICE_ENCODER_BANDS, SPEECH_TOP)
    return _power(wav, SPEECH_WINDOW, SPEECH_HOP) @ torch.from_numpy(filters)


def trim(wav: Tensor) -> Tensor:
    """[N] -> what lies between the first and the last window that is loud enough."""
    windows = F.pad(wav, (TRIM_WINDOW // 2, TRIM_WINDOW // 2)).unfold(0, TRIM_WINDOW, TRIM_HOP)
    power = windows.square().mean(1)
    loud = (power > power.max() * 10.0 ** (-TRIM_DB / 10.0)).nonzero()
    return wav[int(loud[0]) * TRIM_HOP : (int(loud[-1]) + 1) * TRIM_HOP] if len(loud) else wav[:0]


def speech_tokenizer_mel(wav: Tensor) -> Tensor:
    """[B, N] -> [B, N / 160, 128]"""
    filters = slaney_filters(SPEECH_RATE, SPEECH_WINDOW, SPEECH_TOKENIZER_BANDS, SPEECH_TOP)
    power = _power(wav, SPEECH_WINDOW, SPEECH_HOP)[:, :-1]
    mel = (power @ torch.from_numpy(filters)).clamp(min=LOG_MEL_FLOOR).log10()
    loudest = mel.amax((1, 2), keepdim=True)
    return (mel.maximum(loudest - LOG_MEL_RANGE) + LOG_MEL_SHIFT) / LOG_MEL_SCALE


def prompt_mel(wav: Tensor) -> Tensor:
    """[B, N] -> [B, N / 480, 80]"""
    margin = (PROMPT_WINDOW - PROMPT_HOP) // 2
    padded = F.pad(wav[:, None], (margin, margin), mode="reflect")[:, 0]
    magnitude = (_power(padded, PROMPT_WINDOW, PROMPT_HOP, centred=False) + PROMPT_POWER_FLOOR).sqrt()
    filters = slaney_filters(PROMPT_RATE, PROMPT_WINDOW, PROMPT_BANDS, PROMPT_TOP)
    return (magnitude @ torch.from_numpy(filters)).clamp(min=PROMPT_FLOOR).log()


def fbank(wav: Tensor) -> Tensor:
    """[B, N] -> [B, (N - 400) / 160 + 1, 80]; only windows that lie in the recording.

    Quirk: Kaldi means 16 bit integers, the reference gives it floats around -1 .. 1, and the floor is not scaled."""
    frames: Tensor = wav.unfold(1, SPEECH_WINDOW, SPEECH_HOP)
    frames = frames - frames.mean(2, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], 2)  # the first sample follows itself
    frames = (frames - PREEMPHASIS * before) * torch.hann_window(SPEECH_WINDOW, periodic=False).pow(POVEY_POWER)
    power = torch.fft.rfft(frames, FBANK_SIZE).abs().square()
    energy = (power @ kaldi_filters()).clamp(min=FBANK_FLOOR).log()
    centred: Tensor = energy - energy.mean(1, keepdim=True)
    return centred


def _power(wav: Tensor, window: int, hop: int, centred: bool = True) -> Tensor:
    """[B, N] -> [B, T, window / 2 + 1]; centred: edges reflected, so that frame t lies around sample t * hop."""
    shape = torch.hann_window(window)
    spectrum = torch.stft(wav, window, hop, window=shape, center=centred, pad_mode="reflect", return_complex=True)
    return spectrum.abs().square().transpose(1, 2)


# --- mel filters

_LINEAR_HZ = 200.0 / 3.0  # Hz per mel in the linear part of Slaney's scale
_BREAK_HZ = 1_000.0  # above, the scale is logarithmic
_LOG_STEP = math.log(6.4) / 27.0  # ln Hz per mel there


@cache
def slaney_filters(rate: int, n_fft: int, n_bands: int, top: float) -> Floats:
    """[n_fft / 2 + 1, n_bands] triangles evenly spaced on Slaney's mel scale, each of unit area over Hz."""
    edges = slaney_edges(n_bands, top)
    triangles = _triangles(np.linspace(0.0, rate / 2, n_fft // 2 + 1), edges)
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))).astype(np.float32)


def slaney_edges(n_bands: int, top: float) -> npt.NDArray[np.float64]:
    """[n_bands + 2] Hz: each band's triangle spans three of them."""
    knee = _BREAK_HZ / _LINEAR_HZ
    top_mel = top / _LINEAR_HZ if top < _BREAK_HZ else knee + math.log(top / _BREAK_HZ) / _LOG_STEP
    mel = np.linspace(0.0, top_mel, n_bands + 2)
    return np.where(mel < knee, mel * _LINEAR_HZ, _BREAK_HZ * np.exp(_LOG_STEP * (mel - knee)))


@cache
def kaldi_filters() -> Tensor:
    """[257, 80] triangles of height 1, even-sided on the mel axis instead of in Hz, from 20 Hz to the highest.

    Quirk: in single precision throughout. A low band is hardly wider than a bin, which may lie at its very edge, and
    then rounding is felt in the logarithm of what it hears."""
    bottom, top = (KALDI_MEL * math.log(1.0 + hz / KALDI_BREAK_HZ) for hz in (FBANK_BOTTOM, SPEECH_RATE / 2))
    width = (top - bottom) / (FBANK_BANDS + 1)
    left, centre, right = (bottom + (torch.arange(FBANK_BANDS) + side) * width for side in (0.0, 1.0, 2.0))
    hz = SPEECH_RATE / FBANK_SIZE * torch.arange(float(FBANK_SIZE // 2))
    mel = (KALDI_MEL * (1.0 + hz / KALDI_BREAK_HZ).log())[:, None]
    triangles = torch.minimum((mel - left) / (centre - left), (right - mel) / (right - centre)).clamp(min=0.0)
    return F.pad(triangles, (0, 0, 0, 1))  # the highest bin is in no band


def _triangles(bins: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[K], [M + 2] -> [K, M]: 0 at two edges, 1 at the one between."""
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))
