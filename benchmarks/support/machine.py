"""The machine that a figure was measured on."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from engine.device import cores


def machine() -> dict[str, str | int]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    return {"cpu": model, "cores": cores.count(), "python": platform.python_version(), "torch": version("torch")}


def describe() -> str:
    facts = machine()
    return f"{facts['cores']} cores of {facts['cpu']}, Python {facts['python']}, torch {facts['torch']}"
