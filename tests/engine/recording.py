"""A stand-in for CUDA graphs on a CPU: tensor operations are written down once and repeated on the same memory.

As with a real capture, Python runs once: a value that the host knew then stays what it was, an operation that would
make the host wait for the device is an error, and so is one that takes new values from the host.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

REFUSED = ("aten.item.", "aten._local_scalar_dense.", "aten.nonzero.", "aten.lift_fresh.", "aten.masked_select.")


class _Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if f"{operation}".startswith(REFUSED):
            raise AssertionError(f"{operation} cannot be captured")
        result = operation(*args, **(kwargs or {}))
        self.operations.append((operation, args, kwargs or {}, result))
        return result

    @torch.inference_mode()
    def replay(self) -> None:
        for operation, args, kwargs, result in self.operations:
            again = operation(*args, **kwargs)
            known = {_memory(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
            for first, now in zip(tree_leaves(result), tree_leaves(again), strict=True):
                if isinstance(first, Tensor) and _memory(first) not in known:  # neither a view nor in place
                    first.copy_(now)


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class Recording:
    """An `engine.device.graphs.Capture`."""

    any_shape = False

    def __call__(self, work: Callable[..., None], *memory: Tensor) -> Callable[[], None]:
        work(*memory)
        with _Tape() as tape:
            work(*memory)
        replay: Callable[[], None] = tape.replay
        return replay


record = Recording()


class Counting:
    """A capture that only runs what it is given, and keeps it."""

    any_shape = False

    def __init__(self) -> None:
        self.seen: list[Callable[..., None]] = []

    def __call__(self, work: Callable[..., None], *memory: Tensor) -> Callable[[], None]:
        work(*memory)
        self.seen.append(work)
        return partial(work, *memory)
