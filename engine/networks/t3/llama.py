"""The decoder `llama`: RMS norm, rotary positions, SwiGLU, no biases; names `tfmr.layers.N...` as published.

Sources: Llama (2302.13971), RoFormer (2104.09864).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.linears import LinearBuilder
from engine.networks.t3.backbone import Backbone, BackboneConfig, parts


def _join(weights: Sequence[Tensor]) -> Tensor:
    """One [sum of outs, in] matrix; the parameters become views of it."""
    joint = torch.cat([weight.detach() for weight in weights])
    for weight, part in zip(weights, joint.split([len(weight) for weight in weights]), strict=True):
        weight.data = part
    return joint


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
        return parts(_rotate(project(self.input_layernorm(x)).unflatten(-1, (3, -1, self.head_width)), rotation))

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
