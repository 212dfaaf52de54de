"""Causal decoders: embeddings [R, S, C] in, normalised hidden states [R, S, C] out; R rows, S new positions each.

Two kinds behind one loop: `llama` (RMS norm, rotary positions, SwiGLU, no biases) and `gpt2` (layer norm, learned
absolute positions over the whole stream, biases). Streaming kind: causal with carried keys and values (`KVCache`); with
no cache the whole sequence is one causal pass, which is what training runs. Parameter names follow the published
checkpoints (`tfmr.layers.N...` and `tfmr.h.N...`). Sources: Llama (2302.13971), RoFormer (2104.09864), GPT-2 (2019).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


@dataclass
class KVCache:
    """Keys and values of up to R rows. Rows in use are the first ones; `lengths` says how far each is filled."""

    kv: Tensor  # [L, 2, R, H, T_max, D], keys then values
    lengths: list[int] = field(default_factory=list)  # [R] positions

    @property
    def capacity(self) -> int:
        return self.kv.shape[4]

    def window(self, rows: slice, n_new: int) -> _Window:
        """Room for `n_new` more positions in each of `rows`; the caller advances `lengths` afterwards."""
        lengths = self.lengths[rows]
        if max(lengths) + n_new > self.capacity:
            raise ValueError(f"cache of {self.capacity} positions is full: {max(lengths)} + {n_new} new")
        kv = self.kv[:, :, rows]
        if min(lengths) == max(lengths):
            return _Window(kv, lengths[0], n_new)
        return _RaggedWindow(kv, lengths, n_new)


class _Window:
    """Rows that stand at the same position: slices, no index tensors, a mask only inside a prefill."""

    def __init__(self, kv: Tensor, start: int, n_new: int) -> None:
        self.kv, self.start, self.end = kv, start, start + n_new
        self.positions: Tensor | slice = slice(start, self.end)
        self.mask: Tensor | None = None
        if n_new > 1 and start > 0:
            keys = torch.arange(self.end, device=kv.device)
            self.mask = keys <= torch.arange(start, self.end, device=kv.device)[:, None]
        self.is_causal = n_new > 1 and start == 0

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        past_keys, past_values = self.kv[layer]
        past_keys[:, :, self.start : self.end] = keys
        past_values[:, :, self.start : self.end] = values
        return past_keys[:, :, : self.end], past_values[:, :, : self.end]


class _RaggedWindow(_Window):
    """Rows at different positions, one new position each: attention over the longest, masked beyond each row's own."""

    def __init__(self, kv: Tensor, lengths: Sequence[int], n_new: int) -> None:
        if n_new != 1:
            raise ValueError(f"rows at different positions advance by one, not by {n_new}")
        super().__init__(kv, max(lengths), 1)
        self.at = torch.tensor(lengths, device=kv.device)
        self.rows = torch.arange(len(lengths), device=kv.device)
        self.positions = self.at[:, None]
        written = torch.arange(self.end, device=kv.device) <= self.at[:, None]  # [R, T]
        self.mask = written[:, None, None]

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        past_keys, past_values = self.kv[layer]
        past_keys[self.rows, :, self.at] = keys[:, :, 0]
        past_values[self.rows, :, self.at] = values[:, :, 0]
        return past_keys[:, :, : self.end], past_values[:, :, : self.end]


class Layer(Protocol):
    """Pre-norm decoder layer, cut where the cache comes in."""

    def qkv(self, x: Tensor, rotation: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """[R, S, C] -> queries, keys, values [R, H, S, D]"""

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """[R, S, C], [R, H, S, D] -> the stream after attention and feed-forward [R, S, C]"""


class Backbone(nn.Module):
    """What both kinds share: the loop over layers."""

    config: BackboneConfig

    def blocks(self) -> Iterable[Layer]:
        raise NotImplementedError

    def enter(self, x: Tensor, positions: Tensor | slice) -> tuple[Tensor, Tensor | None]:
        """The stream with absolute positions added (if any), and the rotation of these positions (if any)."""
        raise NotImplementedError

    def leave(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def init_cache(self, rows: int, max_len: int) -> KVCache:
        c, parameter = self.config, next(self.parameters())
        shape = (c.layers, 2, rows, c.heads, max_len, c.head_width)
        return KVCache(torch.zeros(shape, dtype=parameter.dtype, device=parameter.device), [0] * rows)

    def forward(
        self, x: Tensor, cache: KVCache | None = None, rows: slice | None = None, queries: list[Tensor] | None = None
    ) -> Tensor:
        """`rows` of the cache take x [R, S, C] in; every layer's queries [R, H, S, D] are added to `queries`."""
        n_new = x.shape[1]
        window = None if cache is None else cache.window(rows or slice(0, x.shape[0]), n_new)
        x, rotation = self.enter(x, slice(0, n_new) if window is None else window.positions)
        for index, layer in enumerate(self.blocks()):
            q, k, v = layer.qkv(x, rotation)
            if queries is not None:
                queries.append(q)
            if window is None:
                attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            else:
                k, v = window.append(index, k, v)
                attended = F.scaled_dot_product_attention(q, k, v, attn_mask=window.mask, is_causal=window.is_causal)
            x = layer.finish(x, attended)
        if cache is not None:
            for row in range(*(rows or slice(0, x.shape[0])).indices(len(cache.lengths))):
                cache.lengths[row] += n_new
        return self.leave(x)

    def fuse(self) -> None:
        """Joins matrices that read the same input, for inference; their parameters become views of the joint ones."""


def _join(linears: Sequence[nn.Linear]) -> Tensor:
    """One [sum of outs, in] matrix; the linears' own weights become views of it."""
    joint = torch.cat([linear.weight.detach() for linear in linears])
    for linear, part in zip(linears, joint.split([linear.out_features for linear in linears]), strict=True):
        linear.weight.data = part
    return joint


def _heads(x: Tensor, width: int) -> Tensor:
    """[R, S, H*D] -> [R, H, S, D]"""
    return x.unflatten(-1, (-1, width)).transpose(1, 2)  # type: ignore[no-any-return]


def _rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotary positions; the halves of a head are the two coordinates (Quirk: not interleaved pairs)."""
    cos, sin = rotation
    left, right = x.chunk(2, -1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], -1)


def rotary_table(config: BackboneConfig) -> Tensor:
    """[2, max_positions, D / 2] float32: cosines and sines."""
    half = torch.arange(0, config.head_width, 2, dtype=torch.float32) / config.head_width
    frequency = 1.0 / config.rope_theta**half  # radians per position
    if scaling := config.rope_scaling:
        turns = scaling.original_positions * frequency / (2 * math.pi)  # within the original context
        span = scaling.high_freq_factor - scaling.low_freq_factor
        keep = ((turns - scaling.low_freq_factor) / span).clamp(0, 1)
        frequency = keep * frequency + (1 - keep) * frequency / scaling.factor
    angle = torch.outer(torch.arange(config.max_positions, dtype=torch.float32), frequency)
    return torch.stack([angle.cos(), angle.sin()])


class _LlamaAttention(nn.Module):
    def __init__(self, c: BackboneConfig) -> None:
        super().__init__()
        inner = c.heads * c.head_width
        self.q_proj = nn.Linear(c.width, inner, bias=False)
        self.k_proj = nn.Linear(c.width, inner, bias=False)
        self.v_proj = nn.Linear(c.width, inner, bias=False)
        self.o_proj = nn.Linear(inner, c.width, bias=False)


class _LlamaMLP(nn.Module):
    def __init__(self, c: BackboneConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(c.width, c.ffn_width, bias=False)
        self.up_proj = nn.Linear(c.width, c.ffn_width, bias=False)
        self.down_proj = nn.Linear(c.ffn_width, c.width, bias=False)


class LlamaLayer(nn.Module):
    def __init__(self, c: BackboneConfig) -> None:
        super().__init__()
        self.head_width = c.head_width
        self.self_attn = _LlamaAttention(c)
        self.mlp = _LlamaMLP(c)
        self.input_layernorm = nn.RMSNorm(c.width, eps=c.norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(c.width, eps=c.norm_eps)
        self.joint_qkv: Tensor | None = None  # [3*H*D, C], see `fuse`
        self.joint_gate_up: Tensor | None = None  # [2*ffn, C]

    def qkv(self, x: Tensor, rotation: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        a = self.self_attn
        joint = self.joint_qkv
        if joint is None:
            joint = torch.cat([a.q_proj.weight, a.k_proj.weight, a.v_proj.weight])
        flat = F.linear(self.input_layernorm(x), joint)
        qk, v = flat.split([2 * a.q_proj.out_features, a.v_proj.out_features], -1)
        assert rotation is not None
        q, k = _rotate(_heads(qk, self.head_width), rotation).chunk(2, 1)
        return q, k, _heads(v, self.head_width)

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.self_attn.o_proj(attended.transpose(1, 2).flatten(2))
        m = self.mlp
        joint = self.joint_gate_up
        if joint is None:
            joint = torch.cat([m.gate_proj.weight, m.up_proj.weight])
        gate, up = F.linear(self.post_attention_layernorm(x), joint).chunk(2, -1)
        return x + m.down_proj(F.silu(gate) * up)  # type: ignore[no-any-return]

    def fuse(self) -> None:
        a, m = self.self_attn, self.mlp
        self.joint_qkv = _join([a.q_proj, a.k_proj, a.v_proj])
        self.joint_gate_up = _join([m.gate_proj, m.up_proj])


class Llama(Backbone):
    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList([LlamaLayer(config) for _ in range(config.layers)])
        self.norm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self.register_buffer("rotary", rotary_table(config), persistent=False)
        self.rotary: Tensor  # [2, max_positions, D / 2]

    def blocks(self) -> Iterable[LlamaLayer]:
        return cast(Iterable[LlamaLayer], self.layers)

    def enter(self, x: Tensor, positions: Tensor | slice) -> tuple[Tensor, Tensor | None]:
        rotation = self.rotary[:, positions]
        return x, (rotation if isinstance(positions, slice) else rotation[:, :, None])

    def leave(self, x: Tensor) -> Tensor:
        return self.norm(x)  # type: ignore[no-any-return]

    def fuse(self) -> None:
        for layer in self.blocks():
            layer.fuse()


class TransposedLinear(nn.Module):
    """Quirk: GPT-2 stores its matrices as (in, out)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_in, n_out).normal_(std=0.02))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


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

    def qkv(self, x: Tensor, rotation: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = (_heads(part, self.head_width) for part in self.attn.c_attn(self.ln_1(x)).chunk(3, -1))
        return q, k, v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.attn.c_proj(attended.transpose(1, 2).flatten(2))
        hidden = F.gelu(self.mlp.c_fc(self.ln_2(x)), approximate="tanh")  # Quirk: `gelu_new`
        return x + self.mlp.c_proj(hidden)  # type: ignore[no-any-return]


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


def build_backbone(config: BackboneConfig) -> Backbone:
    return Llama(config) if config.kind == "llama" else GPT2(config)
