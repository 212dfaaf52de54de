"""In which arithmetic each stage runs. Names are torch's: "float32", "bfloat16", "int8"; and "tf32", which is float32
whose matrices are multiplied in TF32."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.device.device import Device
from engine.errors import InvalidConfig

OFFERED: dict[str, dict[str, tuple[str, ...]]] = {  # stage -> kind of device -> arithmetic, the default first
    "t3": {"cpu": ("float32", "bfloat16", "int8"), "cuda": ("bfloat16", "float32"), "mps": ("float32",)},
    "flow": {"cpu": ("float32", "bfloat16"), "cuda": ("tf32", "float32", "bfloat16"), "mps": ("float32",)},
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

    @property
    def flow_dtype(self) -> torch.dtype:
        return _dtype(self.flow)

    @property
    def vocoder_dtype(self) -> torch.dtype:
        return _dtype(self.vocoder)

    def set_up(self, device: torch.device) -> None:
        """Tells the device how to multiply. The one place that does."""
        Device.of(device).multiply(tf32=self.flow == "tf32")

    @staticmethod
    def parse(text: str, device: torch.device) -> Precision:
        """`text` is "" for the device's defaults, one name for all stages that offer it, or "t3=int8,flow=bfloat16".

        Raises InvalidConfig."""
        possible = offered(Device.of(device))
        chosen = {stage: names[0] for stage, names in possible.items()}
        if text and "=" not in text:
            taken = {stage: text for stage, names in possible.items() if text in names}
            if not taken:
                raise InvalidConfig(f"--dtype {text}: possible on {device.type}: {_said(possible)}")
            return Precision(**{**chosen, **taken})
        for part in filter(None, text.split(",")):
            stage, _, name = part.strip().partition("=")
            if name not in possible.get(stage, ()):
                raise InvalidConfig(f"--dtype {part}: possible on {device.type}: {_said(possible)}")
            chosen[stage] = name
        return Precision(**chosen)


def _dtype(name: str) -> torch.dtype:
    dtype = torch.float32 if name == "tf32" else getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype


def offered(device: Device) -> dict[str, tuple[str, ...]]:
    """Of a device that only imitates bfloat16, and does not know TF32, float32 alone."""
    names = {stage: kinds[device.kind] for stage, kinds in OFFERED.items()}
    return names if device.has_bfloat16 else dict.fromkeys(names, ("float32",))


def _said(offered: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{stage}={'|'.join(names)}" for stage, names in offered.items())
