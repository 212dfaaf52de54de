"""What the pulse vocoder learns from: segments of the two data sets of sound, drawn from (seed, step).

hidden/     of hibari's graph, arrays over all utterances: hid.npy [J, 256] float16, f0.npy [J] Hz (12.5 ms frames),
            mel.npy [T, 80] float16, wav.npy int16, frames.npy: how many J each utterance has (a multiple of 8);
            deep-mel.npy [T, 80], deep.npy [utterances, 2]: a lower voice, its stretch and its pitch (see `hidden.py`)
rendered/   pickled lists of training.codes.Rendered, a file per shard: both voices
Segments start at whole tenths of a second: 5 mel frames, 8 frames of the vocoder.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.networks.pulse.excitation import VOICED_HZ
from training.features import interpolated, mel_spectrogram

SLOW, FAST, SAMPLES = 5, 8, 2400  # mel frames, vocoder frames and samples in a tenth of a second
UNJUDGED = 32  # frames at the start of a segment that lack their past
UNJUDGED_END = 6  # and at its end, their future
HIDDEN = 256  # width of what the teacher says of a frame
AT_START = 0.12  # share of segments that start with their utterance
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    mel: Tensor  # [B, T, 80]
    f0: Tensor  # [B, J] Hz, 0 where unvoiced
    wav: Tensor  # [B, 300 J]
    judged: Tensor  # [B, J] 1 where a frame has its context
    f0_known: Tensor  # [B] weight of the pitch losses: less where a tracker says the pitch
    hidden: Tensor  # [b, J, 256] of the first b rows
    stretch: Tensor  # [b] of the filters, see `filters.py`

    def to(self, device: str) -> Batch:
        return Batch(*(getattr(self, part.name).to(device) for part in fields(self)))

    @staticmethod
    def joined(a: Batch, b: Batch) -> Batch:
        """What has filters goes first."""
        return Batch(*(torch.cat([getattr(a, part.name), getattr(b, part.name)]) for part in fields(Batch)))


def _start(rng: np.random.Generator, available: int, wanted: int) -> int:
    """Tenths of a second before the segment."""
    return 0 if rng.random() < AT_START else int(rng.integers(max(1, available - wanted + 1)))


def _judged(start: int, size: int) -> Floats:
    judged = np.ones(size, np.float32)
    if start:
        judged[:UNJUDGED] = 0.0
    judged[size - UNJUDGED_END :] = 0.0
    return judged


class Hidden:
    def __init__(self, folder: Path) -> None:
        self.hid, self.f0, self.mel, self.wav, self.deep_mel = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("hid", "f0", "mel", "wav", "deep-mel")
        )
        self.deep = np.load(folder / "deep.npy")
        self.groups = np.load(folder / "frames.npy") // FAST
        self.firsts = np.concatenate([[0], np.cumsum(self.groups)[:-1]])

    def batch(self, rng: np.random.Generator, rows: int, size: int, deep: int) -> Batch:
        """`deep` of the rows are of the lower voice; their waveform stays that of the higher one."""
        long_enough = np.flatnonzero(self.groups >= size)
        weights = self.groups[long_enough] / self.groups[long_enough].sum()
        pieces = []
        for row, number in enumerate(rng.choice(long_enough, rows, p=weights)):
            start = _start(rng, int(self.groups[number]), size)
            first = int(self.firsts[number]) + start
            slow, fast = (slice(first * n, (first + size) * n) for n in (SLOW, FAST))
            wav = self.wav[first * SAMPLES : (first + size) * SAMPLES].astype(np.float32) / 32768.0
            mel, (stretch, lower) = (self.mel, (1.0, 1.0)) if row >= deep else (self.deep_mel, self.deep[number])
            f0 = self.f0[fast] * np.float32(lower)
            judged = _judged(start, size * FAST)
            pieces.append((mel[slow], np.where(f0 > VOICED_HZ, f0, 0.0), wav, judged, 1.0, self.hid[fast], stretch))
        columns = zip(*pieces, strict=True)
        return Batch(*(torch.from_numpy(np.stack(column).astype(np.float32)) for column in columns))


class Waves:
    """Utterances of one voice; their mels are made when first needed."""

    def __init__(self, folder: Path, voice: str) -> None:
        self.items = []
        for path in sorted(folder.glob(f"{voice}-*.pkl")):
            self.items += pickle.loads(path.read_bytes())
        self.groups = np.array([len(item.wav) // SAMPLES for item in self.items])
        self.mels: dict[int, npt.NDArray[np.float16]] = {}

    def batch(self, rng: np.random.Generator, rows: int, size: int) -> Batch:
        long_enough = np.flatnonzero(self.groups >= size)
        weights = self.groups[long_enough] / self.groups[long_enough].sum()
        pieces = [self._piece(int(number), rng, size) for number in rng.choice(long_enough, rows, p=weights)]
        mel, f0, wav, judged = (torch.from_numpy(np.stack([piece[k] for piece in pieces])) for k in range(4))
        return Batch(
            mel, f0, wav, judged, torch.full((rows,), 0.5), torch.zeros(0, size * FAST, HIDDEN), torch.zeros(0)
        )

    def _piece(self, number: int, rng: np.random.Generator, size: int) -> tuple[Floats, Floats, Floats, Floats]:
        item = self.items[number]
        start = _start(rng, int(self.groups[number]), size)
        wav = item.wav.astype(np.float32) / 32768.0
        if number not in self.mels:
            self.mels[number] = mel_spectrogram(wav).astype(np.float16)
        mel = self.mels[number][start * SLOW : (start + size) * SLOW].astype(np.float32)
        f0 = _faster(item.f0)[start * FAST : (start + size) * FAST]
        return mel, f0, wav[start * SAMPLES : (start + size) * SAMPLES], _judged(start, size * FAST)


def _faster(f0: Floats) -> Floats:
    """f0 at 50 -> at 80 frames a second."""
    if not (f0 > 0).any():
        return np.zeros(len(f0) * FAST // SLOW, np.float32)
    middles = (np.arange(len(f0) * FAST // SLOW) + 0.5) * SLOW / FAST - 0.5
    voiced = np.interp(middles, np.arange(len(f0)), (f0 > 0).astype(np.float32)) > 0.5
    return (np.interp(middles, np.arange(len(f0)), interpolated(f0)) * voiced).astype(np.float32)


class Mixed:
    """Batches of both data sets: half of the rows the higher voice, the others the lower one or, with `waves`, karl."""

    def __init__(self, hidden: Hidden, waves: Waves | None, rows: int, size: int, seed: int) -> None:
        self.hidden, self.waves, self.rows, self.size, self.seed = hidden, waves, rows, size, seed

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        half = self.rows // 2
        if self.waves is None:
            return self.hidden.batch(rng, self.rows, self.size, deep=half)
        own = self.hidden.batch(rng, self.rows - half, self.size, deep=0)
        return Batch.joined(own, self.waves.batch(rng, half, self.size))
