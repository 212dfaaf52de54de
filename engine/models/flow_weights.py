"""Names of a released S3Gen checkpoint -> names of `Flow`. Every tensor is mapped; loading stays strict."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_RENAMES = (
    (r"embed\.out\.0\.", "embed.linear."),
    (r"embed\.out\.1\.", "embed.norm."),
    (r"^decoder\.estimator\.", "estimator."),
    (r"^(estimator\.)(down|up)_blocks\.0\.2\.", r"\1\2_conv."),
    (r"^(estimator\.)(down|up)_blocks\.0\.", r"\1\2."),
    (r"^(estimator\.)mid_blocks\.", r"\1mid."),
    (r"^(estimator\.(?:down|up|mid\.\d+)\.)0\.", r"\1resnet."),
    (r"^(estimator\.(?:down|up|mid\.\d+)\.)1\.", r"\1blocks."),
    (r"\.mlp\.1\.", ".time."),
    (r"\.block\.0\.", ".conv."),
    (r"\.block\.2\.", ".norm."),
    (r"\.attn1\.to_out\.0\.", ".to_out."),
    (r"\.ff\.net\.0\.proj\.", ".ff_in."),
    (r"\.ff\.net\.2\.", ".ff_out."),
)
_FUSED = (
    (".attn1.to_q.", ".attn1.to_k.", ".attn1.to_v.", ".to_qkv."),
    (".linear_q.", ".linear_k.", ".linear_v.", ".linear_qkv."),
)


def published(state: Mapping[str, Tensor], prefix: str = "flow.") -> dict[str, Tensor]:
    """A released S3Gen state dict -> this flow's: names below `prefix`, queries, keys and values as one matrix."""
    flow = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    for query, key, value, fused in _FUSED:
        for name in [name for name in flow if query in name]:
            parts = [flow.pop(name.replace(query, part)) for part in (query, key, value)]
            flow[name.replace(query, fused)] = torch.cat(parts)
    return {_renamed(name): tensor for name, tensor in flow.items()}


def _renamed(name: str) -> str:
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name
