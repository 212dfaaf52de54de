"""The reference's side of a case: options and tensors in, tensors out, one process for all cases of a script.

    python -m tests.parity.reference.<script> DIRECTORY

For every <case>.json (options) and <case>.in.safetensors in the directory, `run(options, tensors)` is called; what it
returns is written to <case>.out.safetensors, of which the `weights` to <case>.weights.safetensors. <case>.info (JSON)
says how long it took, and the process's peak memory.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

WEIGHTS = "weights/"
Run = Callable[[Mapping[str, Any], Mapping[str, Tensor]], Mapping[str, Tensor]]


def serve(run: Run) -> None:
    directory = Path(sys.argv[1])
    for path in sorted(directory.glob("*.json")):
        case = path.stem
        start = time.monotonic()
        outputs = run(json.loads(path.read_text()), load_file(directory / f"{case}.in.safetensors"))
        own = {name.removeprefix(WEIGHTS): outputs[name] for name in outputs if name.startswith(WEIGHTS)}
        save_file(_separate(own), directory / f"{case}.weights.safetensors")
        others = {name: tensor for name, tensor in outputs.items() if not name.startswith(WEIGHTS)}
        save_file(_separate(others), directory / f"{case}.out.safetensors")
        info = {"seconds": time.monotonic() - start, "peak_mb": peak_mb()}
        (directory / f"{case}.info").write_text(json.dumps(info))


def peak_mb() -> int:
    """Of this process. On Linux not `ru_maxrss`, which begins with the peak of the process that started this one."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20  # macOS: bytes
    (peak,) = (line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) >> 10


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The format refuses tensors that share memory."""
    seen: set[int] = set()
    separate = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.detach().clone() if place in seen else tensor.detach().contiguous()
        seen.add(place)
    return separate


def weights(module: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """The module's state dict, to be returned along with its outputs; `prefix` is the module's in a checkpoint."""
    return {f"{WEIGHTS}{prefix}{name}": tensor for name, tensor in module.state_dict().items()}


@torch.no_grad()
def randomise(module: nn.Module, seed: int, spread: float = 0.2) -> None:
    """Moves every parameter from its initial value, so that no bias is 0, no norm 1, and none may be forgotten."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        scale = float(parameter.std()) if parameter.numel() > 1 and float(parameter.std()) > 0 else 1.0
        parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=spread * scale)
    for buffer in (b for name, b in module.named_buffers() if name.endswith("running_mean")):
        buffer.add_(torch.randn(buffer.shape, generator=generator), alpha=spread)
    for buffer in (b for name, b in module.named_buffers() if name.endswith("running_var")):
        buffer.mul_(1.0 + spread * torch.rand(buffer.shape, generator=generator))


@contextmanager
def draws(name: str, *values: Tensor) -> Iterator[None]:
    """Calls of torch.<name> (randn, randn_like, rand, multinomial ...) take these, in order, and no more."""
    left = list(values)

    def draw(*args: Any, **kwargs: Any) -> Tensor:
        return left.pop(0)

    with mock.patch.object(torch, name, draw):
        yield
    assert not left, f"torch.{name}: {len(left)} values were not drawn"
