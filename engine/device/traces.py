"""Work on tensors as a trace for a CPU: it is recorded once, then repeated without Python and without its lock.

The operations of a small network last microseconds. A thread that runs them one by one asks for Python's lock before
each, so that two busy threads are hardly faster than one: a step of the embedded voice's T3 beside its flow took twice
as long as alone, and so did the flow. A trace takes the lock once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.jit._fuser import optimized_execution


class TraceCapture:
    """An `engine.device.graphs.Capture`. Sizes that come from a tensor of the memory may differ in every run."""

    any_shape = True

    def __init__(self, packed: Sequence[Tensor] = ()) -> None:
        """`packed`: what work reads in a layout that a trace cannot keep (engine/networks/linears.py)."""
        self._packed = packed

    def __call__(self, work: Callable[..., None], *memory: Tensor) -> Callable[[], None]:
        def whole(*tensors: Tensor) -> Tensor:
            work(*tensors[: len(memory)])
            return tensors[0]

        inputs = (*memory, *self._packed)  # a trace knows them again where work uses them
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # shapes are meant to be constants
            trace = torch.jit.trace(whole, inputs, check_trace=False)

        def replay() -> None:
            with optimized_execution(False):  # which would run the first few times slowly, to learn
                trace(*inputs)

        return replay
