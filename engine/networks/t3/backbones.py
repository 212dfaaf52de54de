"""Causal decoders: embeddings [R, S, C] in, normalised hidden states [R, S, C] out; R rows, S new positions each.

Two kinds behind one loop: `llama` (RMS norm, rotary positions, SwiGLU, no biases) and `gpt2` (layer norm, learned
absolute positions over the whole stream, biases). Streaming kind: causal with carried keys and values (`KVCache`); with
no cache the whole sequence is one causal pass, which is what training runs. Attention runs in the dtype of the cache.
Parameter names follow the published checkpoints (`tfmr.layers.N...` and `tfmr.h.N...`) until layers are replaced by
`fuse`. Sources: Llama (2302.13971), RoFormer (2104.09864), GPT-2 (2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

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


def _join(weights: Sequence[Tensor]) -> Tensor:
    """One [sum of outs, in] matrix; the parameters become views of it."""
    joint = torch.cat([weight.detach() for weight in weights])
    for weight, part in zip(weights, joint.split([len(weight) for weight in weights]), strict=True):
        weight.data = part
    return joint


def _parts(joint: Tensor) -> tuple[Tensor, Tensor]:
    """[R, S, 3, H, D] -> queries [R, H, S, D], and keys and values [2, R, H, S, D]"""
    queries, others = joint.permute(2, 0, 3, 1, 4).split((1, 2))
    return queries[0], others


def _rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotary positions; the halves of a head are the two coordinates (Quirk: not interleaved pairs)."""
    itself, swapped = rotation
    return torch.addcmul(x * itself, x.roll(x.shape[-1] // 2, -1), swapped).to(x.dtype)


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
        self.joint_qkv: Callable[[Tensor], Tensor] | None = None  # C -> 3 * H * D, see `fuse`
        self.joint_gate_up: Callable[[Tensor], Tensor] | None = None  # C -> 2 * ffn

    def qkv(self, x: Tensor, rotation: Tensor | None) -> tuple[Tensor, Tensor]:
        project = self.joint_qkv or partial(F.linear, weight=torch.cat(self._qkv_weights()))
        assert rotation is not None
        return _parts(_rotate(project(self.input_layernorm(x)).unflatten(-1, (3, -1, self.head_width)), rotation))

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.self_attn.o_proj(attended.transpose(1, 2).flatten(2))
        project = self.joint_gate_up or partial(F.linear, weight=torch.cat(self._gate_up_weights()))
        gate, up = project(self.post_attention_layernorm(x)).chunk(2, -1)
        return x + self.mlp.down_proj(F.silu(gate) * up)  # type: ignore[no-any-return]

    def _qkv_weights(self) -> list[Tensor]:
        a = self.self_attn
        return [a.q_proj.weight, a.k_proj.weight, a.v_proj.weight]

    def _gate_up_weights(self) -> list[Tensor]:
        return [self.mlp.gate_proj.weight, self.mlp.up_proj.weight]

    def fuse(self, build: LinearBuilder | None) -> None:
        a, m = self.self_attn, self.mlp
        if build is None:
            self.joint_qkv = partial(F.linear, weight=_join(self._qkv_weights()))
            self.joint_gate_up = partial(F.linear, weight=_join(self._gate_up_weights()))
            return
        self.joint_qkv = build(torch.cat(self._qkv_weights()), None)
        del a.q_proj, a.k_proj, a.v_proj
        self.joint_gate_up = build(torch.cat(self._gate_up_weights()), None)
        del m.gate_proj, m.up_proj
        a.o_proj = cast(nn.Linear, build(a.o_proj.weight, None))
        m.down_proj = cast(nn.Linear, build(m.down_proj.weight, None))


class Llama(Backbone):
    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList([LlamaLayer(config) for _ in range(config.layers)])
        self.norm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self._rotary: Tensor | None = None

    @property
    def rotary(self) -> Tensor:
        """[2, max_positions, 3, 1, D] float32 factors of a head and of its swapped halves, for queries, for keys and
        for values, which stay as they are: with them it is one product. Made when first needed, where the weights are
        and in float32 whatever these are: it is no weight, so that no way of loading can lose it."""
        device = self.norm.weight.device
        if self._rotary is None or self._rotary.device != device:
            with torch.inference_mode(False):
                cos, sin = rotary_table(self.config)
                itself, swapped = torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)
                kinds = [(itself, swapped), (itself, swapped), (torch.ones_like(itself), torch.zeros_like(itself))]
                self._rotary = torch.stack([torch.stack(kind) for kind in kinds], 2).unsqueeze(3).to(device)
        return self._rotary

    def blocks(self) -> Iterable[LlamaLayer]:
        return cast(Iterable[LlamaLayer], self.layers)

    def enter(self, x: Tensor, positions: Tensor | slice) -> tuple[Tensor, Tensor | None]:
        return x, self.rotary[:, positions]

    def leave(self, x: Tensor) -> Tensor:
        return self.norm(x)  # type: ignore[no-any-return]


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
        return _parts(self.attn.c_attn(self.ln_1(x)).unflatten(-1, (3, -1, self.head_width)))

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


def build_backbone(config: BackboneConfig) -> Backbone:
    return Llama(config) if config.kind == "llama" else GPT2(config)
