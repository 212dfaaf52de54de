"""How weights are stored: float16, and the tables of the codes, which are a third of T3, in one byte a number."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

TABLES = ("speech_emb.weight", "speech_head.weight", "input_embedding.weight")


def stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    kinds = {name: torch.float8_e4m3fn if name in TABLES else torch.float16 for name in weights}
    return {name: weight.to(kinds[name]).contiguous() for name, weight in weights.items()}
