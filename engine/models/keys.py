"""Keys and values of a network's layers: what a window attends to, and what it leaves for the next one.

A window attends to [prompt | history | own], which the attention wants in one piece of memory. A voice's prepared
prompt is by far the largest of the three and is not copied: it has room behind it, where the window lays the rest.

    prompt of one layer [2, R, H, P + room, D]:   | prompt ............... | history | own |  free  |
                                                    prepared, never changed  laid anew by every window

The room is scratch, not state: nothing in it outlives a window, and a window of another segment of the voice writes
over it. So windows of one voice must not run at the same time; one thread runs the flow. Several segments at once,
and windows larger than the room, gather a layer's keys in a place of their own, which the next layer uses again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def joined(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Rows of several utterances one below the other; of one alone, its own tensor."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim)


def parted(rows: Tensor, count: int, dim: int) -> list[Tensor]:
    """Each of `count` utterances' rows, in memory of its own, so that none keeps the others' alive."""
    return [rows] if count == 1 else [part.clone() for part in rows.chunk(count, dim)]


@dataclass(frozen=True)
class Keep:
    """How many positions of history a window leaves, and how many more the next ones may need behind them."""

    last: int | None  # None: everything after the prompt
    room: int = 0

    def at(self, ratio: int) -> Keep:
        """The same in another rate."""
        return Keep(None if self.last is None else ratio * self.last, ratio * self.room)


@dataclass(frozen=True)
class Keys:
    """Keys and values of L layers, `length` positions, then room."""

    parts: tuple[Tensor, ...]  # [L, 2, R, H, length + room, D]; several utterances' rows are joined where they are used
    length: int

    @staticmethod
    def none(layers: int, heads: int, width: int, like: Tensor) -> Keys:
        """Of no positions; `like` [R, ...] gives rows, dtype and device."""
        return Keys((like.new_zeros(layers, 2, like.shape[0], heads, 0, width),), 0)

    @property
    def nothing(self) -> Keys:
        """Of the same layers and rows, no positions."""
        return Keys(tuple(part[..., :0, :] for part in self.parts), 0)

    @staticmethod
    def joined(several: Sequence[Keys]) -> Keys:
        return Keys(tuple(part for keys in several for part in keys.parts), several[0].length)

    def parted(self, count: int) -> list[Keys]:
        return [Keys((part,), self.length) for part in parted(self.parts[0], count, 2)]

    def rows_of(self, layer: int) -> list[Tensor]:
        """[2, R, H, length, D] of each part."""
        return [part[layer, ..., : self.length, :] for part in self.parts]


class Attended:
    """One window's way through the layers of one network: each lays its own keys and gets all that it attends to."""

    def __init__(self, prompt: Keys, history: Keys, positions: int, keep: Keep) -> None:
        """`positions`: of the window itself."""
        like, past = prompt.parts[0], prompt.length + history.length
        layers, _, _, heads, room, width = like.shape
        rows, self.positions = sum(part.shape[2] for part in prompt.parts), past + positions
        self._past, self._prompt, self._history, self._layer = past, prompt, history, 0
        self._in_room = len(prompt.parts) == 1 and prompt.length > 0 and room >= self.positions
        if self._in_room:
            self._places = like[..., : self.positions, :].unbind(0)
            if history.length:
                like[..., prompt.length : past, :].copy_(history.parts[0])
        elif past:
            self._places = (like.new_empty(2, rows, heads, self.positions, width),) * layers
        begin = prompt.length if keep.last is None else max(prompt.length, self.positions - keep.last)
        self._kept = slice(begin, self.positions)
        length = self.positions - begin
        left = like.new_empty(layers, 2, rows, heads, length + keep.room, width)
        self._left = left[..., :length, :].unbind(0) if length else ()
        self.following = Keys((left,), length)  # complete after the last layer

    def __call__(self, own: Tensor) -> Tensor:
        """Of the next layer: [2, R, H, T, D] -> [2, R, H, P + K + T, D]."""
        keys = self._lay(own) if self._past else own
        if self._left:
            self._left[self._layer].copy_(keys[..., self._kept, :])
        self._layer += 1
        return keys

    def _lay(self, own: Tensor) -> Tensor:
        place, begin = self._places[self._layer], 0
        for keys in () if self._in_room else (self._prompt, self._history):
            if keys.length:
                torch.cat(keys.rows_of(self._layer), 1, out=place[..., begin : begin + keys.length, :])
            begin += keys.length
        place[..., self._past :, :].copy_(own)
        return place
