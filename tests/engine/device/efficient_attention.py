"""torch's kernel of attention with a log-sum-exp, as its source reads: what it takes from where in flat memory.

It is there for NVIDIA's GPUs only. `on_a_cpu` lends it to a CPU, so that who calls it runs as on a GPU. Whatever the
source leaves open is made NaN here: nobody may use it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

ALIGNED = 32  # of the log-sum-exp's queries


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seqstart_q: Tensor,
    seqstart_k: Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    dropout_p: float,
    custom_mask_type: int,
    compute_log_sumexp: bool = False,
    *,
    scale: float | None = None,
    seqlen_k: Tensor | None = None,
    window_size: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, int, int]:
    """query [1, B * T, H, D], key and value [1, M, H, D]."""
    assert bias is None
    assert seqlen_k is not None
    assert (dropout_p, custom_mask_type, compute_log_sumexp, scale, window_size) == (0.0, 0, True, None, None)
    for told in (seqstart_q, seqstart_k, seqlen_k):
        assert (told.dtype, told.dim(), told.is_contiguous()) == (torch.int32, 1, True)
    assert len(seqstart_q) == len(seqstart_k) == len(seqlen_k) + 1
    assert query.shape[0] == key.shape[0] == 1
    assert query.stride(3) == key.stride(3) == value.stride(3) == 1
    heads, width = query.shape[2:]
    made = torch.full(query.shape, math.nan, dtype=query.dtype)
    aligned = -(-max_seqlen_q // ALIGNED) * ALIGNED
    weights = torch.full((len(seqlen_k), heads, aligned), math.nan)
    for row in range(len(seqlen_k)):
        begin, end = int(seqstart_q[row]), int(seqstart_q[row + 1])
        start, count = int(seqstart_k[row]), int(seqlen_k[row])
        assert 0 <= count <= max_seqlen_k
        for head in range(heads if count else 0):
            own = query[0, begin:end, head].float()
            keys, values = (_read(one, start, count, head, width) for one in (key, value))
            scores = own @ keys.T * width**-0.5
            made[0, begin:end, head] = (scores.softmax(-1) @ values).to(query.dtype)
            weights[row, head, : end - begin] = scores.logsumexp(-1)
    nothing = torch.zeros((), dtype=torch.int64)
    return made, weights, nothing, nothing.clone(), max_seqlen_q, max_seqlen_k


def _read(tensor: Tensor, start: int, count: int, head: int, width: int) -> Tensor:
    """By the pointer of the tensor and its strides, as the kernel advances it."""
    _, of_position, of_head, _ = tensor.stride()
    pointer = tensor.storage_offset() + start * of_position + head * of_head
    return tensor.as_strided((count, width), (of_position, 1), pointer).float()


@contextmanager
def on_a_cpu(kernel: Callable[..., Any] = attention) -> Iterator[None]:
    library = torch.library.Library("aten", "IMPL")
    try:
        library.impl("_efficient_attention_forward", kernel, "CPU")
        yield
    finally:
        library._destroy()
