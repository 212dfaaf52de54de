"""In which arithmetic each stage runs. Names are torch's: "float32", "bfloat16", "int8"."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.errors import InvalidConfig

OFFERED: dict[str, dict[str, tuple[str, ...]]] = {  # stage -> device type -> arithmetic, the default first
    "t3": {"cpu": ("float32", "bfloat16", "int8"), "cuda": ("bfloat16", "float32"), "mps": ("float32",)},
    "flow": {"cpu": ("float32", "bfloat16"), "cuda": ("float32", "bfloat16"), "mps": ("float32",)},
    "vocoder": {"cpu": ("float32", "bfloat16"), "cuda": ("float32", "bfloat16"), "mps": ("float32",)},
}


@dataclass(frozen=True, kw_only=True)
class Precision:
    """One name a stage. "int8": weights in int8 with one scale a row, everything else float32 or bfloat16.

    What a stage hands on is float32 in every case. Of the vocoder only residual blocks' convolutions are rounded."""

    t3: str = "float32"
    flow: str = "float32"
    vocoder: str = "float32"

    def __str__(self) -> str:
        return f"t3 {self.t3}, flow {self.flow}, vocoder {self.vocoder}"

    @staticmethod
    def parse(text: str, device: torch.device) -> Precision:
        """`text` is "" for the device's defaults, one name for all stages that offer it, or "t3=int8,flow=bfloat16".

        Raises InvalidConfig."""
        offered = {stage: names[device.type] for stage, names in OFFERED.items()}
        chosen = {stage: names[0] for stage, names in offered.items()}
        if text and "=" not in text:
            taken = {stage: text for stage, names in offered.items() if text in names}
            if not taken:
                raise InvalidConfig(f"--dtype {text}: possible on {device.type}: {_possible(offered)}")
            return Precision(**{**chosen, **taken})
        for part in filter(None, text.split(",")):
            stage, _, name = part.strip().partition("=")
            if name not in offered.get(stage, ()):
                raise InvalidConfig(f"--dtype {part}: possible on {device.type}: {_possible(offered)}")
            chosen[stage] = name
        return Precision(**chosen)


def _possible(offered: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{stage}={'|'.join(names)}" for stage, names in offered.items())
