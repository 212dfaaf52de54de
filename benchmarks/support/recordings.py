"""What was played and what a recorder heard of it -> where the two differ. float32 mono at one rate; pure.

    found = compare(played, recorded, tolerance)

The recording begins before the sound does. From its first loud tenth of a second on the two are laid over each other
and must agree sample by sample; where they cease to, the rest is looked for further on: what lies between is a gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SILENT = 10 ** (-50 / 20)  # -50 dBFS: no sound
SPEECH = 10 ** (-40 / 20)  # what is so loud in one rendering may not be silent in another
_HEAD_S = 0.1  # is looked for at the beginning
_PIECE_S = 0.04  # is looked for after a gap
_GAP_S = 3.0  # no longer gap is looked for
_SKIP_S = 0.2  # and no longer part that was skipped: a device that was late drops what it holds


@dataclass(frozen=True)
class Gap:
    """What was played went on so much later; 0: it was only altered; below 0: a part was skipped."""

    at: int  # sample of what was played
    length: int  # samples


@dataclass(frozen=True, kw_only=True)
class Compared:
    begins: int  # the recording's sample that is the first one played
    gaps: tuple[Gap, ...]
    altered: int  # samples that differ by more than the tolerance
    lost: int  # samples that are not in the recording
    greatest_error: float  # of those that do not differ


def compare(played: Samples, recorded: Samples, rate: int, tolerance: float) -> Compared | None:
    """None if the beginning of what was played is not in the recording."""
    loud = _first_loud(played, 0)
    head = played[loud : loud + round(_HEAD_S * rate)]
    found = _find(head, recorded)
    if found is None or found < loud:
        return None
    begins = lag = found - loud
    gaps: list[Gap] = []
    at = altered = lost = 0
    greatest = 0.0
    piece = round(_PIECE_S * rate)
    while at < len(played):
        error = np.abs(_at(recorded, at + lag, len(played) - at) - played[at:])
        bad = np.flatnonzero(error > tolerance)
        equal = int(bad[0]) if len(bad) else len(error)
        greatest = max(greatest, float(error[:equal].max(initial=0.0)))
        at += equal
        if at >= len(played):
            break
        after = _first_loud(played, at + piece // 4)  # the edges of a gap are faded
        back = min(round(_SKIP_S * rate), after + lag)
        where = _at(recorded, after + lag - back, back + piece + round(_GAP_S * rate))
        found = _find(played[after : after + piece], where)
        moved = None if found is None else found - back
        lag += moved or 0
        over = min(len(played), after + piece)
        differs = int((np.abs(_at(recorded, at + lag, over - at) - played[at:over]) > tolerance).sum())
        altered += differs
        lost += differs if moved is None else max(0, -moved)
        gaps.append(Gap(at, moved or 0))
        at = over
    return Compared(begins=begins, gaps=tuple(gaps), altered=altered, lost=lost, greatest_error=greatest)


def silences(samples: Samples, rate: int, longer_than_s: float) -> list[tuple[int, int]]:
    """Stretches below -50 dBFS, from and to, inside the sound: not before its first loud sample nor after its last."""
    loud = np.flatnonzero(np.abs(samples) > SILENT)
    pauses = np.flatnonzero(np.diff(loud) > longer_than_s * rate)
    return [(int(loud[at]) + 1, int(loud[at + 1])) for at in pauses]


def not_in(other: Samples, silent: list[tuple[int, int]], rate: int, margin_s: float = 0.005) -> list[tuple[int, int]]:
    """Those stretches where `other`, another rendering of the same, is not silent but speaks."""
    margin = round(margin_s * rate)
    return [
        (begin, end)
        for begin, end in silent
        if np.abs(other[begin + margin : max(begin + margin, end - margin)]).max(initial=0.0) > SPEECH
    ]


def _first_loud(samples: Samples, begin: int) -> int:
    loud = np.flatnonzero(np.abs(samples[begin:]) > SILENT)
    return begin + int(loud[0]) if len(loud) else begin


def _find(piece: Samples, where: Samples) -> int | None:
    """Where `piece` is in it, by normalised correlation; None if nothing there is much like it."""
    if len(where) < len(piece) or not len(piece) or not piece.any():
        return None
    size = 1 << (len(where) + len(piece)).bit_length()
    product = np.fft.irfft(np.fft.rfft(where, size) * np.conj(np.fft.rfft(piece, size)), size)
    energy = np.concatenate([[0.0], np.cumsum(np.square(where, dtype=np.float64))])
    heard = np.sqrt(energy[len(piece) :] - energy[: -len(piece)])
    alike = product[: len(heard)] / (np.linalg.norm(piece) * np.maximum(heard, 1e-6))
    best = int(alike.argmax())
    return best if alike[best] > 0.9 else None


def _at(samples: Samples, begin: int, count: int) -> Samples:
    """So many samples from there on; silence beyond the end."""
    part = samples[begin : begin + count]
    return np.pad(part, (0, count - len(part)))
