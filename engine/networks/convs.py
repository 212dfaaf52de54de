"""Convolutions over a signal that arrives in pieces: any cutting gives the samples of the uncut run.

Flows in: pieces [B, C, T_piece]; flows out: the outputs whose whole receptive field has been seen (none is computed
twice). A layer with `right` future positions lags by that many, and its zero padding exists only at the true ends.
What a layer must remember (its input tail) is not on the module: a `Walk` hands out the old tails in the order in which
layers are called and collects the new ones. Parallel branches with unequal lags are brought together by `Walk.meet`.
Streaming kind: per-layer input tails (the cost of a piece does not depend on what came before).
Signals keep their channels together in memory (`joined`): tails then are a few rows that go in front, and the machine's
convolutions need no reordering of what they read and write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Tails = tuple[Tensor | None, ...]


def joined(*parts: Tensor) -> Tensor:
    """Pieces [B, C, T] of one signal, one after the other in time -> [B, C, T], channels together in memory."""
    return torch.cat([part.mT for part in parts], dim=1).mT


def padded(x: Tensor, left: int, right: int) -> Tensor:
    """[B, C, T] with zeros in front and behind."""
    return F.pad(x.mT, (0, 0, left, right)).mT if left or right else x


@dataclass(frozen=True)
class PackedTails:
    """The tails of a batch in one piece of memory for each kind of number: a batch is joined and parted by a few
    operations, however many layers there are."""

    memory: tuple[Tensor, ...]  # [B, N] each
    shapes: tuple[tuple[int, int, int] | None, ...]  # of each tail: which piece of memory, C and T

    @staticmethod
    def of(tails: Tails) -> PackedTails:
        known = [tail for tail in tails if tail is not None]
        kinds = list(dict.fromkeys(tail.dtype for tail in known))
        memory = [torch.cat([tail.mT.flatten(1) for tail in known if tail.dtype == kind], 1) for kind in kinds]
        shapes = [None if tail is None else (kinds.index(tail.dtype), *tail.shape[1:]) for tail in tails]
        return PackedTails(tuple(memory), tuple(shapes))

    @staticmethod
    def joined(several: Sequence[PackedTails]) -> PackedTails:
        memory = (torch.cat(pieces) for pieces in zip(*(one.memory for one in several), strict=True))
        return PackedTails(tuple(memory), several[0].shapes)

    def parted(self, rows: int) -> list[PackedTails]:
        """Returns those of each row. They are copies: a row does not keep the others in memory."""
        own = [tuple(piece[row : row + 1].clone() for piece in self.memory) for row in range(rows)]
        return [PackedTails(memory, self.shapes) for memory in own]

    def unpacked(self) -> Tails:
        pieces = []
        for kind, memory in enumerate(self.memory):
            sizes = [shape[1] * shape[2] for shape in self.shapes if shape is not None and shape[0] == kind]
            pieces.append(iter(memory.split(sizes, 1)))
        return tuple(
            None if shape is None else next(pieces[shape[0]]).unflatten(1, (shape[2], shape[1])).mT
            for shape in self.shapes
        )


class Walk:
    """The tails while one piece runs through the layers. A tail of None means that its layer has seen nothing yet."""

    def __init__(self, tails: Tails | None, final: bool) -> None:
        self._old = iter(tails) if tails is not None else None
        self._new: list[Tensor | None] = []
        self.final = final

    def take(self) -> Tensor | None:
        return None if self._old is None else next(self._old)

    def keep(self, tail: Tensor | None) -> None:
        self._new.append(tail)

    @property
    def tails(self) -> Tails:
        return tuple(self._new)

    def extend(self, x: Tensor, left: int) -> Tensor:
        """Old tail + x; before the first piece, and after the last, there are zeros (the caller pads the right)."""
        tail = self.take()
        if tail is None:
            return padded(x, left, 0)
        return joined(tail, x) if tail.shape[-1] else x

    def meet(self, *streams: Tensor) -> Sequence[Tensor]:
        """Returns the common beginning of branches that lag differently; what is ahead waits for the next piece."""
        arrived = [self.extend(x, 0) for x in streams]
        ready = min(x.shape[-1] for x in arrived)
        for x in arrived:
            self.keep(x[..., ready:])
        return [x[..., :ready] for x in arrived]

    def reflect_start(self, x: Tensor, size: int) -> Tensor:
        """Puts `size` mirrored positions in front of the signal, once, when enough of it is there."""
        tail = self.take()
        if tail is not None and tail.shape[-1] == 0:  # done by an earlier piece
            self.keep(tail)
            return x
        pending = x if tail is None else joined(tail, x)
        if pending.shape[-1] <= size:
            self.keep(pending if pending.shape[-1] else None)
            return x[..., :0]
        self.keep(x[..., :0])
        return F.pad(pending, (size, 0), mode="reflect")


class StreamConv1d(nn.Conv1d):
    """[B, C, T] -> [B, C', T / stride]; sees `left` positions back and `right` ahead, zeros beyond the true ends."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        left: int,
        right: int,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride=stride, dilation=dilation)
        self.left = left
        self.right = right
        self.span = (kernel_size - 1) * dilation + 1

    def arrange(self, dtype: torch.dtype) -> None:
        """Weights in `dtype`, which inputs are rounded to, and in memory as joined channels want them: by tap."""
        weight = self.weight.detach().to(dtype).mT.contiguous().mT
        self.weight = nn.Parameter(weight, requires_grad=self.weight.requires_grad)
        if self.bias is not None:
            self.bias = nn.Parameter(self.bias.detach().to(dtype), requires_grad=self.bias.requires_grad)

    def forward(self, x: Tensor, walk: Walk) -> Tensor:  # type: ignore[override]
        x = walk.extend(x.to(self.weight.dtype), self.left)
        if walk.final:
            x = padded(x, 0, self.right)
        stride = self.stride[0]
        n_out = max(0, (x.shape[-1] - self.span) // stride + 1)
        walk.keep(x[..., n_out * stride :])
        if n_out == 0:
            return x.new_zeros(x.shape[0], self.out_channels, 0)
        weight = self.weight.unsqueeze(2)  # [C', C, 1, K]: an image one line high has a layout for joined channels
        return F.conv2d(x.unsqueeze(2), weight, self.bias, (1, stride), 0, (1, self.dilation[0])).squeeze(2)


def same_conv(
    in_channels: int, out_channels: int, kernel_size: int, *, lookahead: int, dilation: int = 1
) -> StreamConv1d:
    """A length-preserving convolution of which `lookahead` positions lie ahead."""
    reach = (kernel_size - 1) * dilation
    return StreamConv1d(
        in_channels, out_channels, kernel_size, left=reach - lookahead, right=lookahead, dilation=dilation
    )


class StreamConvTranspose1d(nn.ConvTranspose1d):
    """[B, C, T] -> [B, C', T * stride]; `crop` outputs are cut off in front, the rest of the surplus at the end."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, *, crop: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride)
        self.crop = crop  # 0: causal; (kernel - stride) / 2: symmetric
        self.reach = (kernel_size - 1) // stride  # earlier inputs that an output can see

    def forward(self, x: Tensor, walk: Walk) -> Tensor:  # type: ignore[override]
        tail = walk.take()
        if tail is None and x.shape[-1] == 0:
            walk.keep(None)
            return x.new_zeros(x.shape[0], self.out_channels, 0)
        rate = self.stride[0]
        known = padded(x, self.reach, 0) if tail is None else joined(tail, x)
        walk.keep(known[..., known.shape[-1] - self.reach :])
        y = F.conv_transpose1d(known, self.weight, self.bias, rate)
        start = self.reach * rate + (self.crop if tail is None else 0)
        stop = known.shape[-1] * rate + (self.crop if walk.final else 0)
        return y[..., start:stop]
