"""The product's side of a case: asks the reference, in its own interpreter, and compares.

Size: GAPLESS_PARITY=full takes the published sizes, one case at a time so that memory is freed between them; otherwise
reduced sizes and one reference process per test module (importing the reference takes seconds).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.checkpoints.names import Part
from engine.checkpoints.weights import WeightFile

ROOT = Path(__file__).parents[2]
INTERPRETER = ROOT / ".venv-reference" / "bin" / "python"
FULL = os.environ.get("GAPLESS_PARITY") == "full"
SEEDS = (0, 1) if FULL else (0, 1, 2)
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Case:
    """What the reference's script is given."""

    options: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


class _Place:
    """A directory that lives as long as somebody holds this."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="parity-"))
        weakref.finalize(self, shutil.rmtree, self.path)


@dataclass(frozen=True)
class Answer:
    """What it gave back."""

    tensors: Mapping[str, Tensor]
    file: Path  # safetensors: the weights of its networks under their published names
    seconds: float
    peak_mb: int
    place: _Place = field(repr=False)

    def weights(self, prefix: str = "") -> dict[str, Tensor]:
        """Those below `prefix`, without it."""
        stored = load_file(self.file)
        return {name.removeprefix(prefix): tensor for name, tensor in stored.items() if name.startswith(prefix)}

    def fill(self, *networks: tuple[nn.Module, Part]) -> None:
        """Loads our networks as from a checkpoint: strictly, the file must hold them and nothing else."""
        file = WeightFile(self.file)
        file.check(networks)
        for network, part in networks:
            file.fill(network, part, torch.device("cpu"))

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]


class Reference:
    """Answers of one script (tests/parity/reference/<script>.py) to a module's cases.

    `large`: every answer is worked out when it is asked for, so that nothing outlives the test that asked."""

    def __init__(self, script: str, cases: Mapping[str, Case], *, large: bool = FULL) -> None:
        self._script = script
        self._cases = cases
        self._large = large
        self._answers: dict[str, Answer] = {}

    def __getitem__(self, case: str) -> Answer:
        if self._large:
            return ask(self._script, {case: self._cases[case]})[case]
        if not self._answers:
            self._answers = ask(self._script, self._cases)
        return self._answers[case]


def ask(script: str, cases: Mapping[str, Case]) -> dict[str, Answer]:
    """Runs the script once over these cases."""
    place = _Place()
    for name, case in cases.items():
        (place.path / f"{name}.json").write_text(json.dumps(dict(case.options)))
        tensors = {key: tensor.detach().contiguous() for key, tensor in case.tensors.items()}
        save_file(tensors, place.path / f"{name}.in.safetensors")
    command = [str(INTERPRETER), "-W", "ignore", "-m", f"tests.parity.reference.{script}", str(place.path)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-1000:]}\n{done.stderr[-4000:]}")
    return {name: _read(place, name) for name in cases}


def _read(place: _Place, name: str) -> Answer:
    info = json.loads((place.path / f"{name}.info").read_text())
    tensors = load_file(place.path / f"{name}.out.safetensors")
    return Answer(tensors, place.path / f"{name}.weights.safetensors", info["seconds"], info["peak_mb"], place)


def relative(ours: Tensor, theirs: Tensor) -> float:
    """max |difference| / max |reference|"""
    assert ours.shape == theirs.shape, f"{tuple(ours.shape)} against {tuple(theirs.shape)}"
    assert torch.isfinite(theirs).all()
    return float((ours.double() - theirs.double()).abs().max() / theirs.double().abs().max())
