"""Tensors of a file -> a network's parameters: strictly, one at a time, straight to their device and arithmetic.

Files are safetensors or torch's zip format, mapped and not read, so the first copy of a tensor is the last one.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from engine.checkpoints.names import Part
from engine.device.device import CPU, Device
from engine.errors import ModelError
from engine.networks.linears import LOW_PRECISION
from engine.networks.t3.t3 import T3

N = TypeVar("N", bound=nn.Module)

RELEASE_BYTES = 256 << 20  # mapped pages that were read count as this process's memory until they are let go
SHOWN = 5  # names in an error; of thousands, the first few tell what is wrong

_DECODER_LAYER = re.compile(r"tfmr\.(layers|h)\.")  # the backbone's, less its table of positions

_NO_WEIGHTS = {  # how a file begins that is no weights -> what it is
    b"version https://git-lfs": "a git-lfs pointer, not the file itself: run `git lfs pull`, or download it again",
    b"<!doctype html": "a web page, not weights: download it again",
    b"<html": "a web page, not weights: download it again",
    b'{"error"': "a server's error message, not weights: download it again",
}


def blank(build: Callable[[], N]) -> N:
    """A network whose parameters are memory that nobody has touched; its tables, which no file holds, are computed."""
    with _Uninitialised():
        return build().eval().requires_grad_(False)


class _Uninitialised(TorchFunctionMode):
    """Random initialisation does nothing: of a large network it takes longer than loading, and fills its memory."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init" or func in (Tensor.normal_, Tensor.uniform_):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


class WeightFile:
    """A file of named tensors. Raises ModelError, with the path in front, for whatever is no such file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_beginning(path)
        self._mapped = _map(path)
        self._read = 0
        self.shapes = {name: tuple(tensor.shape) for name, tensor in self._mapped.items()}
        self.dtypes = {name: tensor.dtype for name, tensor in self._mapped.items()}

    def __getitem__(self, name: str) -> Tensor:
        """A view of the file: copy it, or it keeps the file mapped."""
        if self._read > RELEASE_BYTES:
            self._release()
        tensor = self._mapped[name]
        self._read += tensor.nbytes
        return tensor

    def _release(self) -> None:
        self._mapped, self._read = _map(self.path), 0

    def check(self, networks: Iterable[tuple[nn.Module, Part]]) -> None:
        """That the file holds exactly these networks, apart from what they name as unused. Raises ModelError."""
        missing, misshapen, untyped, known = [], [], [], set()
        for network, part in networks:
            own = network.state_dict()
            for name, source in part.sources(own).items():
                for stored, shape in zip(source.names, source.shapes(own[name].shape), strict=True):
                    known.add(stored)
                    if stored not in self.shapes:
                        missing.append(stored)
                    elif self.shapes[stored] != shape:
                        misshapen.append(f"{stored} {list(self.shapes[stored])} instead of {list(shape)}")
                    elif self.dtypes[stored].is_floating_point is not own[name].dtype.is_floating_point:
                        untyped.append(f"{stored} {self.dtypes[stored]} instead of {own[name].dtype}")
            known |= {name for name in self.shapes if part.is_unused(name)}
        problems = {
            "missing": missing,
            "unknown": [name for name in self.shapes if name not in known],
            "of another shape": misshapen,
            "of another type": untyped,
        }
        if said := [_list(problem, names) for problem, names in problems.items() if names]:
            raise ModelError(f"{self.path} does not fit this model: {'; '.join(said)}")

    def fill(self, network: nn.Module, part: Part, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        """Loads a network that `check` has passed. Floating-point parameters become `dtype`."""
        own = network.state_dict()
        loaded = {}
        for name, source in part.sources(own).items():
            tensor = source.build([self[stored] for stored in source.names])
            kind = own[name].dtype
            loaded[name] = tensor.to(device, dtype if kind.is_floating_point else kind, copy=True)
        network.load_state_dict(loaded, strict=True, assign=True)
        for module in network.modules():  # tables, which no file holds, follow the parameters
            for name, table in list(module.named_buffers(recurse=False)):
                setattr(module, name, table.to(device))
        network.requires_grad_(False)
        self._release()

    def fill_t3(self, t3: T3, part: Part, device: torch.device, precision: str) -> None:
        """The same for T3, made ready to step. Matrices are rounded straight from the mapped file, nothing else is."""
        if precision not in LOW_PRECISION:
            self.fill(t3, part, device, getattr(torch, precision))
            t3.tfmr.fuse()
            return
        loaded = {}
        for name, source in part.sources(t3.state_dict()).items():
            tensor = source.build([self[stored] for stored in source.names])
            if tensor.dim() == 2 and _DECODER_LAYER.match(name):
                loaded[name] = tensor if Device.of(device).is_cpu else tensor.to(device)
            else:
                loaded[name] = tensor.to(device, torch.float32, copy=True)
        t3.load_state_dict(loaded, strict=True, assign=True)
        del loaded
        t3.requires_grad_(False).quantize(precision)
        self._release()


def held_bytes(network: nn.Module) -> int:
    """Of all its tensors; rounded matrices are neither parameters nor buffers."""
    held: dict[int, Tensor] = {}
    for module in network.modules():
        tensors = [*module.parameters(recurse=False), *module.buffers(recurse=False), *vars(module).values()]
        held |= {id(tensor): tensor for tensor in tensors if isinstance(tensor, Tensor)}
    return sum(tensor.numel() * tensor.element_size() for tensor in held.values())


def _list(problem: str, names: list[str]) -> str:
    more = f", ... ({len(names) - SHOWN} more)" if len(names) > SHOWN else ""
    return f"{len(names)} {problem}: {', '.join(names[:SHOWN])}{more}"


def _check_beginning(path: Path) -> None:
    try:
        with path.open("rb") as file:
            beginning = file.read(64).lstrip().lower()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if path.stat().st_size == 0:
        raise ModelError(f"{path} is empty: the download broke off; download it again")
    for signature, what in _NO_WEIGHTS.items():
        if beginning.startswith(signature):
            raise ModelError(f"{path} is {what}")


def _map(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _state(torch.load(path, map_location=CPU, weights_only=True, mmap=True), path)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{path} cannot be read, perhaps half downloaded: {reason}") from error


def _state(content: Any, path: Path) -> dict[str, Tensor]:
    """Quirk: a training run's T3 file has its state under "model", perhaps as the first of a list."""
    if isinstance(content, Mapping) and "model" in content:
        content = content["model"]
    if isinstance(content, list) and content:
        content = content[0]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ModelError(f"{path} holds no named tensors")
    return dict(content)
