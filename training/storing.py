"""How weights are stored: float16, and in one byte a number the tables of the codes, which are a third of T3, and the
vocoder's last layers, which are a third of it and whose errors are small beside what the network does not know."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

TABLES = ("speech_emb.weight", "speech_head.weight", "input_embedding.weight")
LAST_LAYERS = ("filters.weight", "phases.weight")


def stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    short = (*TABLES, *LAST_LAYERS)
    kinds = {name: torch.float8_e4m3fn if name in short else torch.float16 for name in weights}
    return {name: weight.to(kinds[name]).contiguous() for name, weight in weights.items()}
