"""Resampler of the voice prompt: prompt embeddings [1, P, C] in, `queries` summary vectors [1, Q, C] out; offline.

Source: Perceiver (2103.03206), in the form of the published T3: one attention block, applied twice.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Attention(nn.Module):
    """Pre-norm attention with a residual on the queries; names as published."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, width)
        self.to_k = nn.Linear(width, width)
        self.to_v = nn.Linear(width, width)
        self.proj_out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        queries, source = self.norm(x), self.norm(context)  # Quirk: one norm for both
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.to_q(queries), self.to_k(source), self.to_v(source))
        )
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return x + self.proj_out(attended)  # type: ignore[no-any-return]


class Perceiver(nn.Module):
    def __init__(self, width: int, queries: int, heads: int) -> None:
        super().__init__()
        self.pre_attention_query = nn.Parameter(torch.empty(1, queries, width).uniform_(-1, 1) * width**-0.5)
        self.attn = _Attention(width, heads)

    def forward(self, prompt: Tensor) -> Tensor:
        # Quirk: the same weights look at the prompt first, then at what they saw.
        seen = self.attn(self.pre_attention_query.expand(prompt.shape[0], -1, -1), prompt)
        return self.attn(seen, seen)  # type: ignore[no-any-return]
