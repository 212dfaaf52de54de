"""Keys and values of a network's layers: what a window attends to, and what it leaves for the next one.

A window attends to [prompt | history | own], which attention needs in contiguous memory. One layer runs at a time, so
one such buffer is enough: each layer fills it anew, and nothing is allocated between layers (`Attended`). Prompts are
read only. Room behind each layer's prompt, so that no prompt is copied, was tried: at full size a window was at most
3 % faster, for a quarter more memory for every voice. Where the device's attention reads keys from positions in a
tensor, many windows at once attend to their prompts in place and to their own keys apart (`InPlace`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.device import spans
from engine.networks.flow.attention import Extent, Sight, attend, merged


def joined(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Puts the rows of several utterances one below the other. One utterance alone keeps its tensor."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim)


def parted(rows: Tensor, count: int, dim: int) -> list[Tensor]:
    """Returns the rows of each of `count` utterances, in memory of their own, so that none keeps the others' alive."""
    return [rows] if count == 1 else [part.clone() for part in rows.chunk(count, dim)]


@dataclass(frozen=True)
class Keys:
    """Keys and values of L layers at K positions; several utterances' rows are joined where they are used."""

    parts: tuple[Tensor, ...]  # [L, 2, R, H, K, D]
    rows: Tensor | None = None  # int64 [N]: which rows of the one part, where it holds those of others as well
    in_place: bool = False  # these rows are read where they lie

    @staticmethod
    def none(layers: int, heads: int, width: int, like: Tensor) -> Keys:
        """Returns keys of no positions; `like` [R, ...] gives rows, dtype and device."""
        return Keys((like.new_zeros(layers, 2, like.shape[0], heads, 0, width),))

    @property
    def nothing(self) -> Keys:
        """Returns keys of the same layers and rows, and of no positions."""
        return Keys(tuple(part[..., :0, :] for part in self.parts))

    @property
    def length(self) -> int:
        return self.parts[0].shape[4]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(part.shape[2] for part in self.parts) if self.rows is None else len(self.rows)

    def lay(self, layer: int, there: Tensor) -> None:
        """Copies a layer's keys to `there` [2, N, H, K, D]."""
        if self.rows is None:
            torch.cat([part[layer] for part in self.parts], 1, out=there)
        else:
            torch.index_select(self.parts[0][layer], 1, self.rows, out=there)

    @staticmethod
    def joined(several: Sequence[Keys]) -> Keys:
        return Keys(tuple(part for keys in several for part in keys.parts))

    def parted(self, count: int) -> list[Keys]:
        return [Keys((part,)) for part in parted(self.parts[0], count, 2)]


class Attended:
    """The keys of one window in one network: each layer adds its own and gets all that it attends to."""

    def __init__(
        self, prompt: Keys, history: Keys, positions: int, keep: int | None, extent: Extent | None = None
    ) -> None:
        """A window of `positions` leaves `keep` of them and of the history (None: all) for the next window.

        `extent`, of a window without history: what is real of it."""
        like, past = prompt.parts[0], prompt.length + history.length
        layers, _, _, heads, _, width = like.shape
        rows = prompt.count
        self.mask = extent.mask(prompt.length, positions, like) if extent else None
        self.positions = past + positions
        self._past = [keys for keys in (prompt, history) if keys.length]
        self._layer = 0
        self._place = like.new_empty(2, rows, heads, self.positions, width) if past else None
        count = history.length + positions if keep is None else min(keep, history.length + positions)
        left = like.new_empty(layers, 2, rows, heads, count, width)
        self._left = left.unbind(0) if count else ()
        self.following = Keys((left,))  # complete after the last layer

    def attend(self, query: Tensor, own: Tensor, bias: Tensor | None = None, sight: Sight | None = None) -> Tensor:
        """Of a layer: query [R, H, T, D] and its own keys [2, R, H, T, D] -> [R, T, H * D]."""
        return attend(query, self(own), bias, sight, self.mask)

    def __call__(self, own: Tensor) -> Tensor:
        """Takes a layer's keys [2, R, H, T, D] -> [2, R, H, P + K + T, D], valid until the next layer calls."""
        keys = own if self._place is None else self._lay(own, self._place)
        if self._left:
            left = self._left[self._layer]
            left.copy_(keys[..., self.positions - left.shape[3] :, :])
        self._layer += 1
        return keys

    def _lay(self, own: Tensor, place: Tensor) -> Tensor:
        begin = 0
        for keys in self._past:
            there = place[..., begin : begin + keys.length, :]
            keys.lay(self._layer, there)
            begin += keys.length
        place[..., begin:, :].copy_(own)
        return place


class InPlace:
    """The same for a window without history, and after which nothing is kept: its prompt's keys stay where they are."""

    def __init__(self, prompt: Keys, extent: Extent) -> None:
        assert prompt.rows is not None
        self._prompt, self._rows, self._extent, self._layer = prompt, prompt.rows, extent, 0
        self.following = prompt.nothing

    def attend(self, query: Tensor, own: Tensor, bias: Tensor | None = None, sight: Sight | None = None) -> Tensor:
        """Of a layer without a bias: query [R, H, T, D] and its own keys [2, R, H, T, D] -> [R, T, H * D]."""
        assert bias is None
        assert sight is None
        standing = self._prompt.parts[0][self._layer]
        self._layer += 1
        there, here = self._extent.spans(self._rows, query.shape[1], standing.shape[3], query.shape[2])
        query = query.transpose(1, 2)
        (keys, values), (own_keys, own_values) = map(spans.in_line, standing), own.transpose(2, 3).flatten(1, 2)
        to_prompt = spans.attend(query, keys, values, there, here.begins)
        return merged(to_prompt, spans.attend(query, own_keys, own_values, here, here.begins)).flatten(2)
