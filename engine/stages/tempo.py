"""Slower or faster at the same pitch: mel [1, F, T] of the flow -> mel [1, F, about T / rate] for the vocoder.

A vocoder takes the pitch from the spectrum of each frame, and carries its phase along, so that the same frames at other
distances are the same voice at another tempo. Frame k of what comes out lies at (k + 1/2) * rate - 1/2 frames of what
goes in, between two of these, and is their mean, weighted by how near they are. It leaves in whole tokens: a segment of
n tokens sounds as long as round(n / rate). Streaming kind: functional; where a frame lies depends on its number alone,
so that any cutting gives the same frames, bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.device.device import Device

Frames = TypeVar("Frames", float, NDArray[np.float64])

MOST_KEPT = 4  # frames of a mel, for what comes behind it


@dataclass(frozen=True)
class TempoState:
    """Of one segment."""

    seen: int = 0  # frames that went in
    given: int = 0  # frames that came out
    kept: Tensor | None = None  # [1, F, K], the last of those that went in; None: none did


BEGUN = TempoState()


@dataclass(frozen=True)
class Tempo:
    frames_per_token: int

    def frames(self, count: int, state: TempoState, rate: float, final: bool) -> int:
        """How many come out when so many more go in."""
        seen, per_token = state.seen + count, self.frames_per_token
        tokens = math.floor(seen / per_token / rate + 0.5) if final else _before(seen, rate) // per_token
        return tokens * per_token - state.given

    def __call__(self, mel: Tensor, state: TempoState, rate: float, final: bool) -> tuple[Tensor, TempoState]:
        """`rate`: 2 is twice as fast."""
        count, seen = self.frames(mel.shape[2], state, rate, final), state.seen + mel.shape[2]
        known = mel if state.kept is None else torch.cat((state.kept, mel), 2)
        given = state.given + count
        made = _between(known, seen - known.shape[2], state.given, given, rate) if count else mel[..., :0]
        needed = seen - min(max(0, seen - 1), max(0, math.floor(_place(given, rate))))
        return made, TempoState(seen, given, known[..., known.shape[2] - needed :].clone())

    def beyond(self, state: TempoState, rate: float, tokens: int) -> int:
        """How many of the last frames of a complete segment have something of its last `tokens` in them."""
        return state.given - min(state.given, _before(state.seen - tokens * self.frames_per_token, rate))


def _place(frame: Frames, rate: float) -> Frames:
    """Where frames that come out lie among those that go in."""
    return (frame + 0.5) * rate - 0.5


def _before(seen: int, rate: float) -> int:
    """How many come out that lie before the last of those `seen`."""
    count = max(0, math.ceil(seen / rate) + 1)
    while count and _place(count - 1, rate) >= seen - 1:
        count -= 1
    return count


def _between(known: Tensor, first: int, begin: int, end: int, rate: float) -> Tensor:
    """Frames `begin` to `end` of those that come out; those that went in are `known` from number `first` on."""
    last = first + known.shape[2] - 1
    places = np.clip(_place(np.arange(begin, end, dtype=np.float64), rate), 0, last)
    left = places.astype(np.int64)
    near = (places - left).astype(np.float32)
    numbers = np.concatenate([left, np.minimum(left + 1, last)]) - first
    device = Device.of(known.device)
    at, weights = (device.upload(torch.from_numpy(one)) for one in (numbers, np.concatenate([1 - near, near])))
    neighbours = known.index_select(2, at) * weights
    count = end - begin
    return neighbours[..., :count] + neighbours[..., count:]
