"""The decoder `gpt2`: layer norm, learned absolute positions over the whole stream, biases; names `tfmr.h.N...` as
published. Source: GPT-2 (2019).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.linears import LinearBuilder
from engine.networks.t3.backbone import Backbone, BackboneConfig, parts


class TransposedLinear(nn.Module):
    """Quirk: GPT-2 stores its matrices as (in, out)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_in, n_out).normal_(std=0.02))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.t(), self.bias)


class _GPT2Attention(nn.Module):
    def __init__(self, c: BackboneConfig) -> None:
        super().__init__()
        self.c_attn = TransposedLinear(c.width, 3 * c.width)
        self.c_proj = TransposedLinear(c.width, c.width)


class _GPT2MLP(nn.Module):
    def __init__(self, c: BackboneConfig) -> None:
        super().__init__()
        self.c_fc = TransposedLinear(c.width, c.ffn_width)
        self.c_proj = TransposedLinear(c.ffn_width, c.width)


class GPT2Layer(nn.Module):
    def __init__(self, c: BackboneConfig) -> None:
        super().__init__()
        self.head_width = c.head_width
        self.ln_1 = nn.LayerNorm(c.width, eps=c.norm_eps)
        self.attn = _GPT2Attention(c)
        self.ln_2 = nn.LayerNorm(c.width, eps=c.norm_eps)
        self.mlp = _GPT2MLP(c)

    def qkv(self, x: Tensor, rotation: Tensor | None) -> tuple[Tensor, Tensor]:
        return parts(self.attn.c_attn(self.ln_1(x)).unflatten(-1, (3, -1, self.head_width)))

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.attn.c_proj(attended.transpose(1, 2).flatten(2))
        hidden = F.gelu(self.mlp.c_fc(self.ln_2(x)), approximate="tanh")  # Quirk: `gelu_new`
        return x + self.mlp.c_proj(hidden)  # type: ignore[no-any-return]

    def fuse(self, build: LinearBuilder | None) -> None:
        if build is None:  # queries, keys and values are one matrix as published
            return
        for part in (self.attn, self.mlp):
            for name, linear in cast(list[tuple[str, TransposedLinear]], list(part.named_children())):
                setattr(part, name, build(linear.weight.t(), linear.bias))


class GPT2(Backbone):
    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.wpe = nn.Embedding(config.max_positions, config.width)  # Quirk: over the stream, conditioning included
        self.h = nn.ModuleList([GPT2Layer(config) for _ in range(config.layers)])
        self.ln_f = nn.LayerNorm(config.width, eps=config.norm_eps)

    def blocks(self) -> Iterable[GPT2Layer]:
        return cast(Iterable[GPT2Layer], self.h)

    def enter(self, x: Tensor, positions: Tensor | slice) -> tuple[Tensor, Tensor | None]:
        return x + self.wpe.weight[positions], None

    def leave(self, x: Tensor) -> Tensor:
        return self.ln_f(x)  # type: ignore[no-any-return]
