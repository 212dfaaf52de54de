"""What the pulse vocoder learns from: segments of what the teacher says of every frame, drawn from (seed, step).

hidden/     of hibari's graph, arrays over all utterances: hid.npy [J, 256] float16, f0.npy [J] Hz (12.5 ms frames),
            mel.npy [T, 80] float16, wav.npy int16, frames.npy: how many J each utterance has (a multiple of 8)
flow-mels/  hidden.npy [T', 80]: what the flow makes of the first utterances' codes; it stands in for half of their mels
Segments start at whole tenths of a second: 5 mel frames, 8 frames of the vocoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.networks.pulse.excitation import VOICED_HZ

SLOW, FAST, SAMPLES = 5, 8, 2400  # mel frames, vocoder frames and samples in a tenth of a second
UNJUDGED = 32  # frames at the start of a segment that lack their past
UNJUDGED_END = 6  # and at its end, their future
AT_START = 0.12  # share of segments that start with their utterance
FROM_FLOW = 0.5  # share of segments whose mel is the flow's, where it is known
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    mel: Tensor  # [B, T, 80]
    f0: Tensor  # [B, J] Hz, 0 where unvoiced
    wav: Tensor  # [B, 300 J]
    judged: Tensor  # [B, J] 1 where a frame has its context
    hidden: Tensor  # [B, J, 256]

    def to(self, device: str) -> Batch:
        return Batch(*(getattr(self, part.name).to(device) for part in fields(self)))


class Segments:
    """`work` holds the data sets; flow-mels/ may be missing."""

    def __init__(self, work: Path, rows: int, size: int, seed: int) -> None:
        """Batches of `rows` segments of `size` tenths of a second."""
        self.rows, self.size, self.seed = rows, size, seed
        self.hid, self.f0, self.mel, self.wav = (
            np.load(work / "hidden" / f"{name}.npy", mmap_mode="r") for name in ("hid", "f0", "mel", "wav")
        )
        made = work / "flow-mels" / "hidden.npy"
        self.flow_mel = np.load(made) if made.exists() else self.mel[:0]
        self.groups = np.load(work / "hidden" / "frames.npy") // FAST
        self.firsts = np.concatenate([[0], np.cumsum(self.groups)[:-1]])

    def utterances(self) -> Iterator[tuple[Floats, Floats]]:
        """Mel [5 J / 8, 80] and pitch [J] Hz of each."""
        for slow, fast in self.places():
            yield self.mel[slow].astype(np.float32), np.asarray(self.f0[fast], np.float32)

    def places(self) -> Iterator[tuple[slice, slice]]:
        """Of each utterance, among the frames of the mel and among those of the vocoder."""
        for first, size in zip(self.firsts, self.groups, strict=True):
            yield slice(first * SLOW, (first + size) * SLOW), slice(first * FAST, (first + size) * FAST)

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        long_enough = np.flatnonzero(self.groups >= self.size)
        weights = self.groups[long_enough] / self.groups[long_enough].sum()
        pieces = [self._piece(int(number), rng) for number in rng.choice(long_enough, self.rows, p=weights)]
        columns = zip(*pieces, strict=True)
        return Batch(*(torch.from_numpy(np.stack(column).astype(np.float32)) for column in columns))

    def _piece(self, number: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.generic], ...]:
        """Of an utterance, in the order of a batch's fields."""
        spare = max(1, int(self.groups[number]) - self.size + 1)
        start = 0 if rng.random() < AT_START else int(rng.integers(spare))
        first = int(self.firsts[number]) + start
        slow, fast, samples = (slice(first * n, (first + self.size) * n) for n in (SLOW, FAST, SAMPLES))
        from_flow = slow.stop <= len(self.flow_mel) and rng.random() < FROM_FLOW
        mel, f0 = (self.flow_mel if from_flow else self.mel)[slow], self.f0[fast]
        voiced = np.where(f0 > VOICED_HZ, f0, 0.0)
        return mel, voiced, self.wav[samples] / 32768.0, _judged(start, self.size * FAST), self.hid[fast]


def _judged(start: int, size: int) -> Floats:
    judged = np.ones(size, np.float32)
    if start:
        judged[:UNJUDGED] = 0.0
    judged[size - UNJUDGED_END :] = 0.0
    return judged
