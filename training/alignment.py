"""Which symbol of an utterance each of its speech tokens says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

MARKS = " ,.?!"  # of which a token may be the pause
STRESS = "ˈˌ"  # which belong to the vowel after them
SKIPPED = 1_500.0  # samples of overlap that a token more for a phoneme is worth, so that none is left out
FARTHEST = -4_000.0  # samples of overlap; farther away is no worse


def spoken(symbols: str, ends: Ints, token: int, n_tokens: int) -> Ints:
    """`ends` [symbols + 2] at which silence, symbols and silence are over, tokens of so many samples -> [n_tokens]
    index of the symbol each says, -1 in the silence before and len(symbols) in that behind.

    Where two share a token the longer part decides, but a phoneme shorter than a token has one as well: the path of
    the most overlap in which no phoneme is left out if there is room."""
    starts = np.concatenate([[0], ends[:-1]])
    last = len(symbols) + 1
    kept = np.array(
        [k for k in range(last + 1) if k in (0, last) or (symbols[k - 1] not in STRESS and ends[k] > starts[k])]
    )
    begin = np.arange(n_tokens) * token
    overlap = np.minimum(ends[kept], begin[:, None] + token) - np.maximum(starts[kept], begin[:, None])
    sounding = np.array([0 < k < last and symbols[k - 1] not in MARKS for k in kept])
    path = _best_path(np.maximum(overlap, FARTHEST), np.where(sounding, SKIPPED, 0.0))
    return np.asarray(kept[path] - 1, np.int64)


def _best_path(score: npt.NDArray[np.float64], price: npt.NDArray[np.float64]) -> Ints:
    """score [T, K] of each place at each time, price [K] of leaving it out -> [T] places, never falling."""
    n_times, n_places = score.shape
    before = np.concatenate([[0.0], np.cumsum(price)])  # of all places before
    best, came = score[0] - before[:-1], np.zeros((n_times, n_places), np.int64)
    for time in range(1, n_times):
        leaving = np.concatenate([[-np.inf], (best + before[1:])[:-1]])
        highest = np.maximum.accumulate(leaving)
        source = np.maximum.accumulate(np.where(leaving >= highest, np.arange(n_places) - 1, -1))
        moving = highest - before[:-1]
        came[time] = np.where(best >= moving, np.arange(n_places), source)
        best = np.maximum(best, moving) + score[time]
    path = [int(np.argmax(best - (before[-1] - before[1:])))]
    for time in range(n_times - 1, 0, -1):
        path.append(int(came[time, path[-1]]))
    return np.array(path[::-1], np.int64)
