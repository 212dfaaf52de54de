"""Attention to keys that lie anywhere in one piece of memory: a tensor of the device says where each row finds its own.

torch has such a kernel for NVIDIA's GPUs. It also tells the log-sum-exp of each query's scores, by which attention to
several sets of keys becomes attention to all of them. It has no public name, and what is here follows its source
(aten/src/ATen/native/transformers/cuda/mem_eff_attention/kernel_forward.h): so it is used where `answers` has found
that it gives what plain products give, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE = 1e-2  # of TF32, and well below what another key would make


@dataclass(frozen=True)
class Span:
    """The positions of each of B rows in one tensor, one behind the other."""

    begins: Tensor  # [B + 1] int32, where a row's first position is; the last one means nothing
    counts: Tensor  # [B] int32, at least 1
    most: int  # of them


def in_line(keys: Tensor) -> Tensor:
    """[N, H, P, D] as positions [M, H, D] of the same memory: position p of row n is number n * H * P + p."""
    rows, heads, positions, width = keys.shape
    last = (rows - 1) * heads * positions
    return keys.as_strided((last + positions, heads, width), (width, positions * width, 1))


def attend(query: Tensor, keys: Tensor, values: Tensor, span: Span, queries: Tensor) -> tuple[Tensor, Tensor]:
    """query [B, T, H, D] to keys and values [M, H, D], of which each row sees its span -> [B, T, H, D], and the
    log-sum-exp of the scores [B, T, H] float32. `queries` are 0, T, 2 T ... as int32 [B + 1]."""
    rows, length = query.shape[:2]
    y, weight, *_ = torch.ops.aten._efficient_attention_forward(
        query.flatten(0, 1)[None],
        keys[None],
        values[None],
        None,  # no bias
        queries,
        span.begins,
        length,
        span.most,
        0.0,  # no dropout
        0,  # no mask of its own
        True,  # with the log-sum-exp, whose T is rounded up
        seqlen_k=span.counts,
    )
    return y[0].unflatten(0, (rows, length)), weight[..., :length].transpose(1, 2)


@torch.inference_mode()
def answers(device: torch.device) -> bool:
    """Whether the kernel is there, reads what it is told to read, and nothing else."""
    count, heads, room, width, length = 3, 2, 48, 64, 40
    generator = torch.Generator().manual_seed(0)
    query, *standing = (
        torch.randn(shape, generator=generator).to(device)
        for shape in ((2, length, heads, width), (count, heads, room, width), (count, heads, room, width))
    )
    rows, counts = (2, 0), (room, 5)
    begins = [row * heads * room + room - own for row, own in zip(rows, counts, strict=True)]
    told = [torch.tensor(numbers, dtype=torch.int32, device=device) for numbers in ([*begins, 0], counts)]
    queries = torch.arange(0, 3 * length, length, dtype=torch.int32, device=device)
    keys, values = map(in_line, standing)
    try:
        y, weight = attend(query, keys, values, Span(told[0], told[1], room), queries)
    except (RuntimeError, TypeError):
        return False
    for one, (row, own) in enumerate(zip(rows, counts, strict=True)):
        key, value = (tensor[row, :, room - own :] for tensor in standing)
        scores = query[one].transpose(0, 1) @ key.mT * width**-0.5  # [H, T, K]
        differences = (
            y[one] - (scores.softmax(-1) @ value).transpose(0, 1),
            weight[one] - scores.logsumexp(-1).transpose(0, 1),
        )
        if not all(bool(difference.abs().max() < TOLERANCE) for difference in differences):
            return False
    return True
