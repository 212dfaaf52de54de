"""Which device a model runs on: the one that was named, or what "auto" means for this model on this machine."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import torch

from engine.device.device import CPU, Device
from engine.errors import InvalidConfig

log = logging.getLogger(__name__)


def find_device(name: str, *, needs_gpu: bool = True, counts: Mapping[str, int] | None = None) -> torch.device:
    """The device that `name` says: for "auto" a CUDA device where there is one and the model needs it, else the CPU.

    Apple's GPUs are taken when they are named only. `counts`: how many there are of each kind; None: of this machine.
    Raises InvalidConfig for a device that is not here."""
    counts = counts or {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    here = [kind for kind, count in counts.items() if count]
    if name == "auto":
        return torch.device("cuda", 0) if needs_gpu and "cuda" in here else CPU
    kind, _, index = name.partition(":")
    if kind not in here or (index and not (index.isdecimal() and int(index) < counts[kind])):
        raise InvalidConfig(f"--device {name} is not available; on this machine: auto, {', '.join(here)}")
    return CPU if kind == "cpu" else torch.device(kind, int(index or 0))


def warn_if_never_run(device: torch.device) -> None:
    if what := Device.of(device).never_run:
        log.warning("%s: this was never run on %s. Please report what you see", device, what)
