"""A causal decoder: embeddings [R, S, C] in, normalised hidden states [R, S, C] out; R rows, S new positions each.

What both kinds (llama.py, gpt2.py) share: their sizes and the loop over layers. Streaming kind: causal with carried
keys and values (`KVCache`); with no cache the whole sequence is one causal pass, which is what training runs. Attention
runs in the dtype of the cache. Parameter names follow the published checkpoints until layers are replaced by `fuse`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.device.device import Device
from engine.networks.linears import LinearBuilder
from engine.networks.t3.cache import KVCache, Window


@dataclass(frozen=True, kw_only=True)
class RopeScaling:
    """The `llama3` rule: slow rotations are stretched by `factor`, fast ones kept, those between blended."""

    factor: float = 8.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_positions: int = 8192


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    kind: str  # "llama" or "gpt2"
    width: int  # C
    layers: int  # L
    heads: int  # H; keys and values have as many
    head_width: int  # D
    ffn_width: int
    max_positions: int  # rows of the position tables: conditioning + text + speech
    norm_eps: float = 1e-5
    rope_theta: float = 500_000.0  # llama only
    rope_scaling: RopeScaling | None = None  # llama only

    def __post_init__(self) -> None:
        if self.kind not in ("llama", "gpt2"):
            raise ValueError(f"kind is {self.kind!r}; possible: 'llama', 'gpt2'")
        if self.kind == "gpt2" and self.heads * self.head_width != self.width:
            raise ValueError(f"gpt2 needs heads * head_width == width, got {self.heads} * {self.head_width}")


class Layer(Protocol):
    """Pre-norm decoder layer, cut where the cache comes in."""

    def qkv(self, x: Tensor, rotation: Tensor | None) -> tuple[Tensor, Tensor]:
        """[R, S, C] -> queries [R, H, S, D], and keys and values [2, R, H, S, D]"""

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """[R, S, C], [R, H, S, D] -> the stream after attention and feed-forward [R, S, C]"""

    def fuse(self, build: LinearBuilder | None) -> None: ...


class Backbone(nn.Module):
    """What both kinds of decoder share: the loop over layers."""

    config: BackboneConfig
    cache_dtype: torch.dtype | None = None  # None: the parameters'

    def blocks(self) -> Iterable[Layer]:
        raise NotImplementedError

    def enter(self, x: Tensor, positions: Tensor | slice) -> tuple[Tensor, Tensor | None]:
        """The stream with absolute positions added (if any), and the rotation of these positions (if any)."""
        raise NotImplementedError

    def leave(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def init_cache(self, rows: int, max_len: int) -> KVCache:
        """Zeros for `rows` of `max_len` positions; on a CPU memory is committed as positions are filled."""
        c, parameter = self.config, next(self.parameters())
        shape = (c.layers, 2, rows, c.heads, max_len, c.head_width)
        return KVCache(Device.of(parameter.device).reserve(shape, self.cache_dtype or parameter.dtype), [0] * rows)

    def forward(
        self,
        x: Tensor,
        cache: KVCache | None = None,
        rows: slice | None = None,
        queries: list[Tensor] | None = None,
    ) -> Tensor:
        """`rows` of the cache take x [R, S, C] in; every layer's queries [R, H, S, D] are added to `queries`."""
        if cache is None:
            return self.run(x, None, queries)
        rows = rows or slice(0, x.shape[0])
        hidden = self.run(x, cache.window(rows, x.shape[1]), queries)
        cache.advance(rows, x.shape[1])
        return hidden

    def run(self, x: Tensor, window: Window | None, queries: list[Tensor] | None = None) -> Tensor:
        """Does the same in the room of a window, whose rows are not advanced."""
        x, rotation = self.enter(x, slice(0, x.shape[1]) if window is None else window.positions)
        for index, layer in enumerate(self.blocks()):
            q, kv = layer.qkv(x, rotation)
            if window is None:
                k, v = kv
                attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            else:
                k, v = window.append(index, kv)
                q = q.to(k.dtype)
                attended = F.scaled_dot_product_attention(q, k, v, attn_mask=window.mask, is_causal=window.is_causal)
            if queries is not None:
                queries.append(q)
            x = layer.finish(x, attended)
        return self.leave(x)

    def fuse(self, build: LinearBuilder | None = None) -> None:
        """For inference: matrices that read the same input are joined, and `build` makes the layer that takes a
        matrix's place, one decoder layer after the other. Without `build` parameters stay, as views of joint ones."""
        for layer in self.blocks():
            layer.fuse(build)


def parts(joint: Tensor) -> tuple[Tensor, Tensor]:
    """[R, S, 3, H, D] -> queries [R, H, S, D], and keys and values [2, R, H, S, D]"""
    queries, others = joint.permute(2, 0, 3, 1, 4).split((1, 2))
    return queries[0], others
