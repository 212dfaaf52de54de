"""What sampling parameters are and may be. No torch: whoever talks to clients checks before the engine does."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SAMPLING_RANGES = {  # wire name -> least, greatest
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "top_k": (0, 100_000),
    "repetition_penalty": (0.5, 5.0),
    "cfg_weight": (0.0, 5.0),
    "exaggeration": (0.0, 2.0),
}
ABOVE_LEAST = frozenset({"top_p"})  # the least value itself is not allowed


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """The wire's parameters with a model's defaults, and two facts of the model that no request changes."""

    temperature: float = 0.8  # 0: greedy
    top_p: float = 1.0  # 1: off
    min_p: float = 0.0  # 0: off
    top_k: int = 0  # 0: off
    repetition_penalty: float = 1.0  # 1: off
    cfg_weight: float = 0.5
    exaggeration: float = 0.5
    penalty_last: bool = False  # Quirk: Turbo and Nano penalise after truncation and temperature, Llama models before
    penalty_window: int = 0  # tokens the penalty looks back on; 0: all of the segment

    def __post_init__(self) -> None:
        for name, (least, greatest) in SAMPLING_RANGES.items():
            value = getattr(self, name)
            if not (least <= value <= greatest and math.isfinite(value)) or (name == "top_p" and value == 0):
                bounds = f"above 0, up to {greatest:g}" if name == "top_p" else f"from {least:g} to {greatest:g}"
                raise ValueError(f"{name}: {value:g} is out of range; possible: {bounds}")
        if self.penalty_window < 0:
            raise ValueError(f"penalty_window: {self.penalty_window} is negative")

    def override(self, values: Mapping[str, float]) -> SamplingParams:
        """These with a request's `values` by the wire's names. Raises ValueError, `name: what is wrong`."""
        if unknown := sorted(set(values) - set(SAMPLING_RANGES)):
            raise ValueError(f"{unknown[0]}: unknown parameter; possible: {', '.join(SAMPLING_RANGES)}")
        changes: dict[str, Any] = dict(values)
        if "top_k" in changes:
            changes["top_k"] = int(changes["top_k"])
        return dataclasses.replace(self, **changes)

    def subset(self, names: Sequence[str]) -> dict[str, float]:
        return {name: getattr(self, name) for name in names}
