"""What the rest of the engine may ask of a device: its streams, its memory, its captures, and how it wants its work.

A `torch.device` says where tensors are. A `Device` knows what follows from that, so that nobody else asks for the kind
of a device. There is one object for each device of the process: `Device.of`.

Values cross between host and device in four ways, and in no other: `upload`, which nobody waits for; `download`, which
waits until the device has worked off what this thread gave it; and the same again and again through memory that stays,
an `Exchange` and an `Inbox`.
"""

from __future__ import annotations

import contextlib
import functools
import math
import mmap
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.device import memory
from engine.device.graphs import Capture
from engine.device.traces import TraceCapture

CPU = torch.device("cpu")


class Lane(IntEnum):
    """Whose work goes first where several threads give it to one device: the priorities of CUDA's streams, lowest
    first. The short kernels of a step must not queue behind a window, nor a window behind a voice that is prepared."""

    T3 = -3
    FLOW = -2
    VOCODER = -1
    VOICES = 0


class Exchange:
    """Numbers that go to the device again and again: written to `host`, sent in one copy, read from `tensor`.

    Whoever writes to `host` has waited, since the last `send`, for work that came after it."""

    def __init__(self, host: Tensor, device: torch.device) -> None:
        self._pinned = host
        self.host: NDArray[np.int64] = host.numpy()
        self.tensor = host.to(device, copy=True)

    def send(self) -> Tensor:
        return self.tensor.copy_(self._pinned, non_blocking=True)


class Inbox:
    """Tensors whose first rows are wanted again and again. On a CPU they are read where they are."""

    def __init__(self, *tensors: Tensor) -> None:
        self._tensors = tensors

    def receive(self, count: int) -> list[NDArray[Any]]:
        """Waits as `download` does; what it returns is good until the next time."""
        return [tensor[:count].numpy() for tensor in self._tensors]


class Device:
    """What a CPU does, and what all kinds of device do unless they say otherwise."""

    kinds: ClassVar[dict[str, Callable[[torch.device], Device]]] = {}  # by the type of a torch.device

    kind = "cpu"  # whose arithmetic it offers: engine.device.precision
    max_batch = 4  # windows in one run of the flow or the vocoder: how many are worth running together
    is_cpu = True
    has_bfloat16 = True  # computes in it at least as fast as in float32
    never_run = ""  # what nobody who wrote this has seen run, if so
    attends_in_place = False  # its attention reads keys where a tensor says they are: engine.device.spans

    def __init__(self, at: torch.device) -> None:
        self.at = at

    @staticmethod
    @functools.cache
    def of(at: torch.device) -> Device:
        return Device.kinds[at.type](at)

    @property
    def float64(self) -> torch.device:
        """Where float64 can be computed."""
        return self.at

    @property
    def turn(self) -> AbstractContextManager[Any]:
        """What a thread holds while it gives work to a device that takes it from one thread at a time."""
        return contextlib.nullcontext()

    # --- streams

    def take_stream(self, lane: Lane) -> None:
        """Gives this thread a stream of its own. Work that was begun before is over when this returns."""

    def finish(self) -> None:
        """Waits for this thread's work: it is done, so the clock tells how long it took, and other threads may read
        what it wrote."""

    def keep_until_read(self, tensor: Tensor) -> None:
        """Keeps the memory of `tensor`, which another stream may have made, until this thread's work has read it."""

    # --- values

    def upload(self, values: Any) -> Tensor:
        """Numbers, or a tensor on the host -> a tensor on the device; nobody waits for the copy."""
        return values if isinstance(values, Tensor) else torch.tensor(values)

    def download(self, *tensors: Tensor) -> list[NDArray[Any]]:
        """Returns what the tensors hold, once this thread's work so far is done: one wait for all of them."""
        return [tensor.numpy() for tensor in tensors]

    def exchange(self, *shape: int) -> Exchange:
        """Returns int64 zeros."""
        return Exchange(torch.zeros(shape, dtype=torch.int64), self.at)

    def inbox(self, *tensors: Tensor) -> Inbox:
        """Of tensors that stand still, as long as one another."""
        return Inbox(*tensors)

    # --- memory and captures

    def reserve(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Returns zeros. On a CPU, pages that were never written to cost no memory."""
        n_bytes = math.prod(shape) * dtype.itemsize
        if not n_bytes:
            return torch.zeros(tuple(shape), dtype=dtype)
        private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        pages = mmap.mmap(-1, n_bytes, **private)
        if hasattr(mmap, "MADV_NOHUGEPAGE"):  # of a cache, a huge page covers several heads: one write would commit all
            pages.madvise(mmap.MADV_NOHUGEPAGE)
        return torch.frombuffer(pages, dtype=dtype).view(tuple(shape))

    def capture(self, packed: Sequence[Tensor] = ()) -> Capture | None:
        """Returns what captures repeated work as graphs or traces, or None. `packed`: see `TraceCapture`."""
        return TraceCapture(packed)

    def window_capture(self) -> Capture | None:
        """Returns what captures windows as graphs of fixed shapes, or None where they cost no less. Graphs of one
        capture are replayed by one thread; another thread needs another one."""
        return None

    def voice_bytes(self) -> int:
        """How much of the memory that is free now prepared voices may take, unless the operator says it."""
        return memory.VOICES_BYTES

    def free_bytes(self) -> int:
        """Memory that can be had: of the device, or where it has none of its own, of the machine or its container."""
        return memory.free_bytes()

    def held_bytes(self) -> int:
        """Memory of the device that this process holds; 0 where it has none of its own."""
        return 0

    # --- arithmetic

    def multiply(self, *, tf32: bool) -> None:
        """Says how products of float32 matrices are computed, everywhere and from now on: in TF32, or exactly."""


class Meta(Device):
    """Tensors without data, for who asks about shapes."""

    def upload(self, values: Any) -> Tensor:
        return super().upload(values).to(self.at)

    def reserve(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        return torch.zeros(tuple(shape), dtype=dtype, device=self.at)


Device.kinds |= {"cpu": Device, "meta": Meta}
