"""Keys and values of a causal decoder: memory reserved once, committed position by position as rows are filled.

Streaming kind: the states of `Backbone` and of `T3` around it. A window is the room that one forward pass writes to and
reads from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.device.device import Device


@dataclass
class KVCache:
    """Keys and values of up to R rows. Rows in use are the first ones; `lengths` says how far each is filled."""

    kv: Tensor  # [L, 2, R, H, T_max, D], keys then values
    lengths: list[int] = field(default_factory=list)  # [R] positions

    @property
    def capacity(self) -> int:
        return self.kv.shape[4]

    def copy(self) -> KVCache:
        filled = max(self.lengths)
        kv = Device.of(self.kv.device).reserve(self.kv.shape, self.kv.dtype)
        kv[..., :filled, :] = self.kv[..., :filled, :]
        return KVCache(kv, list(self.lengths))

    def window(self, rows: slice, n_new: int, at: Tensor | None = None) -> Window:
        """Returns room for `n_new` more positions in each of `rows`; the caller advances `lengths` afterwards.

        `at`: the lengths of these rows on the cache's device, for a caller that has them there."""
        lengths = self.lengths[rows]
        if max(lengths) + n_new > self.capacity:
            raise ValueError(f"cache of {self.capacity} positions is full: {max(lengths)} + {n_new} new")
        kv = self.kv[:, :, rows]
        if min(lengths) == max(lengths):
            return Window(kv, lengths[0], n_new)
        if n_new != 1:
            raise ValueError(f"rows at different positions advance by one, not by {n_new}")
        return RaggedWindow(kv, max(lengths) + 1, Device.of(kv.device).upload(lengths) if at is None else at)

    def advance(self, rows: slice, n_new: int) -> None:
        for row in range(*rows.indices(len(self.lengths))):
            self.lengths[row] += n_new


@dataclass
class T3Cache:
    """The state of up to R rows; rows in use are the first ones."""

    attention: KVCache
    spoken: list[int]  # [R] learned speech position of the next token
    text: list[slice]  # [R] positions of the text in the stream, specials included

    @property
    def rows(self) -> int:
        return len(self.spoken)

    def copy(self) -> T3Cache:
        return T3Cache(self.attention.copy(), list(self.spoken), list(self.text))

    def move(self, source: int, target: int) -> None:
        """Row `source` takes the place of `target`, so that rows in use stay the first ones when one leaves."""
        length = self.attention.lengths[source]
        self.attention.kv[:, :, target, :, :length] = self.attention.kv[:, :, source, :, :length]
        self.attention.lengths[target] = length
        self.spoken[target], self.text[target] = self.spoken[source], self.text[source]
        self.clear(source)

    def swap(self, one: int, other: int) -> None:
        """The two rows change places."""
        kv, lengths = self.attention.kv, self.attention.lengths
        filled = max(lengths[one], lengths[other])
        held = kv[:, :, one, :, :filled].clone()
        kv[:, :, one, :, :filled] = kv[:, :, other, :, :filled]
        kv[:, :, other, :, :filled] = held
        lengths[one], lengths[other] = lengths[other], lengths[one]
        self.spoken[one], self.spoken[other] = self.spoken[other], self.spoken[one]
        self.text[one], self.text[other] = self.text[other], self.text[one]

    def advance(self, n_rows: int) -> None:
        """The first rows have taken one speech token each."""
        self.attention.advance(slice(0, n_rows), 1)
        for row in range(n_rows):
            self.spoken[row] += 1

    def take_back(self, rows: Sequence[int]) -> None:
        """Undoes the last step of these rows: they stand again where they stood before it."""
        for row in rows:
            self.attention.lengths[row] -= 1
            self.spoken[row] -= 1

    def clear(self, row: int) -> None:
        self.attention.lengths[row] = self.spoken[row] = 0
        self.text[row] = slice(0, 0)


class Window:
    """Rows that stand at the same position: slices, no index tensors, a mask only inside a prefill."""

    def __init__(self, kv: Tensor, start: int, n_new: int) -> None:
        self.kv, self.start = kv, start
        self.end: int | Tensor = start + n_new
        self.positions: Tensor | slice = slice(start, start + n_new)
        self.mask: Tensor | None = None
        if n_new > 1 and start > 0:
            keys = torch.arange(start + n_new, device=kv.device)
            self.mask = _mask(keys <= torch.arange(start, self.end, device=kv.device)[:, None], kv)
        self.is_causal = n_new > 1 and start == 0

    def append(self, layer: int, new: Tensor) -> tuple[Tensor, Tensor]:
        """Stores these keys and values [2, R, H, S, D]; returns all of the layer, [R, H, T, D] each."""
        there = self.kv[layer]
        there[..., self.start : self.end, :] = new
        past_keys, past_values = there[..., : self.end, :]
        return past_keys, past_values


class RaggedWindow(Window):
    """Rows at different positions, one new position each: attention over `end` positions, which hold the longest row,
    masked beyond each row's own. Shapes depend on `end` alone, so that a graph can be captured; a trace may take it
    from a tensor."""

    def __init__(self, kv: Tensor, end: int | Tensor, at: Tensor) -> None:
        self.kv, self.end, self.is_causal = kv, end, False
        self.at = at  # [R]
        self.rows = torch.arange(kv.shape[2], device=kv.device)
        self.positions = at[:, None]
        written = torch.arange(end, device=kv.device) <= at[:, None]  # type: ignore[arg-type]  # [R, T]
        self.mask = _mask(written[:, None, None], kv)

    def append(self, layer: int, new: Tensor) -> tuple[Tensor, Tensor]:
        there = self.kv[layer]
        there[:, self.rows, :, self.at] = new[:, :, :, 0].transpose(0, 1).to(there.dtype)  # [R, 2, H, D]
        past_keys, past_values = there[..., : self.end, :]
        return past_keys, past_values


def _mask(seen: Tensor, like: Tensor) -> Tensor:
    """For attention, which would make it anew in each layer."""
    return torch.where(seen, 0.0, -math.inf).to(like.dtype)
