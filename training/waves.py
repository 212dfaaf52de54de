"""What the pulse vocoder learns from: segments of the two data sets of sound, drawn from (seed, step).

hidden/     of hibari's graph, arrays over all utterances: hid.npy [J, 256] float16, f0.npy [J] Hz (12.5 ms frames),
            mel.npy [T, 80] float16, wav.npy int16, frames.npy: how many J each utterance has (a multiple of 8)
rendered/   pickled lists of training.codes.Rendered, a file per shard: both voices
Segments start at whole tenths of a second: 5 mel frames, 8 frames of the vocoder.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.features import interpolated, mel_spectrogram

SLOW, FAST, SAMPLES = 5, 8, 2400  # mel frames, vocoder frames and samples in a tenth of a second
UNJUDGED = 32  # frames at the start of a segment that lack their past
UNJUDGED_END = 6  # and at its end, their future
AT_START = 0.12  # share of segments that start with their utterance
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    mel: Tensor  # [B, T, 80]
    f0: Tensor  # [B, J] Hz, 0 where unvoiced
    wav: Tensor  # [B, 300 J]
    judged: Tensor  # [B, J] 1 where a frame has its context
    f0_known: Tensor  # [B] weight of the pitch losses: less where a tracker says the pitch
    hidden: Tensor | None = None  # [b, J, 256] of the first b rows

    def to(self, device: str) -> Batch:
        hidden = None if self.hidden is None else self.hidden.to(device)
        parts = (self.mel, self.f0, self.wav, self.judged, self.f0_known)
        mel, f0, wav, judged, known = (part.to(device) for part in parts)
        return Batch(mel, f0, wav, judged, known, hidden)


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
        self.hid, self.f0, self.mel, self.wav = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("hid", "f0", "mel", "wav")
        )
        self.groups = np.load(folder / "frames.npy") // FAST
        self.firsts = np.concatenate([[0], np.cumsum(self.groups)[:-1]])

    def batch(self, rng: np.random.Generator, rows: int, size: int) -> Batch:
        long_enough = np.flatnonzero(self.groups >= size)
        weights = self.groups[long_enough] / self.groups[long_enough].sum()
        pieces = []
        for number in rng.choice(long_enough, rows, p=weights):
            start = _start(rng, int(self.groups[number]), size)
            first = int(self.firsts[number]) + start
            slow, fast = (slice(first * n, (first + size) * n) for n in (SLOW, FAST))
            wav = self.wav[first * SAMPLES : (first + size) * SAMPLES].astype(np.float32) / 32768.0
            pieces.append((self.mel[slow], self.f0[fast], wav, _judged(start, size * FAST), self.hid[fast]))
        mel, f0, wav, judged, hidden = (
            torch.from_numpy(np.stack([piece[k] for piece in pieces]).astype(np.float32)) for k in range(5)
        )
        return Batch(mel, torch.where(f0 > 40.0, f0, 0.0), wav, judged, torch.ones(rows), hidden)


class Waves:
    """Utterances of one voice; their mels are made when first needed."""

    def __init__(self, folder: Path, voice: str, shards: int) -> None:
        self.items = []
        for path in sorted(folder.glob(f"{voice}-*.pkl"))[:shards]:
            self.items += pickle.loads(path.read_bytes())
        self.groups = np.array([len(item.wav) // SAMPLES for item in self.items])
        self.mels: dict[int, npt.NDArray[np.float16]] = {}

    def batch(self, rng: np.random.Generator, rows: int, size: int) -> Batch:
        long_enough = np.flatnonzero(self.groups >= size)
        weights = self.groups[long_enough] / self.groups[long_enough].sum()
        pieces = [self._piece(int(number), rng, size) for number in rng.choice(long_enough, rows, p=weights)]
        mel, f0, wav, judged = (torch.from_numpy(np.stack([piece[k] for piece in pieces])) for k in range(4))
        return Batch(mel, f0, wav, judged, torch.full((rows,), 0.5))

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
    """Batches of both data sets; with `waves` half of the segments are the male voice's."""

    def __init__(self, hidden: Hidden, waves: Path | None, rows: int, size: int, seed: int) -> None:
        self.hidden, self.rows, self.size, self.seed = hidden, rows, size, seed
        self.waves = None if waves is None else Waves(waves, "karl", 1000)

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        if self.waves is None:
            return self.hidden.batch(rng, self.rows, self.size)
        a = self.hidden.batch(rng, self.rows - self.rows // 2, self.size)
        b = self.waves.batch(rng, self.rows // 2, self.size)
        pairs = ((a.mel, b.mel), (a.f0, b.f0), (a.wav, b.wav), (a.judged, b.judged), (a.f0_known, b.f0_known))
        mel, f0, wav, judged, known = (torch.cat(pair) for pair in pairs)
        return Batch(mel, f0, wav, judged, known, a.hidden)
