"""Devices that work beside the CPU: NVIDIA's, through CUDA, and Apple's. Nobody who wrote this has seen either run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.device import memory, spans
from engine.device.device import CPU, Device, Exchange, Inbox, Lane
from engine.device.graphs import Capture, CudaCapture

log = logging.getLogger(__name__)

_answers = cache(spans.answers)

TENSOR_CORES = (8, 0)  # compute capability from which bfloat16 and TF32 are fast; earlier ones only imitate bfloat16


class _Downloads(Inbox):
    def __init__(self, device: Device, *tensors: Tensor) -> None:
        super().__init__(*tensors)
        self._device = device

    def receive(self, count: int) -> list[NDArray[Any]]:
        return self._device.download(*(tensor[:count] for tensor in self._tensors))


class _PinnedInbox(_Downloads):
    def __init__(self, device: Device, *tensors: Tensor) -> None:
        super().__init__(device, *tensors)
        self._there = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True) for tensor in tensors]

    def receive(self, count: int) -> list[NDArray[Any]]:
        for host, tensor in zip(self._there, self._tensors, strict=True):
            host[:count].copy_(tensor[:count], non_blocking=True)
        self._device.finish()
        return [host[:count].numpy() for host in self._there]


class Gpu(Device):
    """What GPUs have in common: memory of their own, or at least their own way to it."""

    is_cpu = False

    def upload(self, values: Any) -> Tensor:
        return super().upload(values).to(self.at)

    def download(self, *tensors: Tensor) -> list[NDArray[Any]]:
        return [tensor.cpu().numpy() for tensor in tensors]

    def inbox(self, *tensors: Tensor) -> Inbox:
        return _Downloads(self, *tensors)

    def reserve(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        return torch.zeros(tuple(shape), dtype=dtype, device=self.at)

    def capture(self, packed: Sequence[Tensor] = ()) -> Capture | None:
        return None

    def voice_bytes(self) -> int:
        return round(memory.VOICES * self.free_bytes())


class Cuda(Gpu):
    kind = "cuda"
    max_batch = 32
    never_run = "NVIDIA's GPUs: docs/gpu.md says what was proved without one"

    @property
    def attends_in_place(self) -> bool:  # type: ignore[override]
        return _answers(self.at)

    @property
    def has_bfloat16(self) -> bool:  # type: ignore[override]
        return torch.cuda.get_device_capability(self.at) >= TENSOR_CORES

    def take_stream(self, lane: Lane) -> None:
        torch.cuda.synchronize(self.at)
        torch.cuda.set_stream(torch.cuda.Stream(self.at, priority=lane))  # which takes the nearest that the device has

    def finish(self) -> None:
        """By an event for which the thread sleeps: waiting for a stream keeps a core busy."""
        done = torch.cuda.Event(blocking=True)
        done.record(torch.cuda.current_stream(self.at))
        done.synchronize()

    def keep_until_read(self, tensor: Tensor) -> None:
        tensor.record_stream(torch.cuda.current_stream(self.at))

    def upload(self, values: Any) -> Tensor:
        return Device.upload(self, values).pin_memory().to(self.at, non_blocking=True)

    def download(self, *tensors: Tensor) -> list[NDArray[Any]]:
        there = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True) for tensor in tensors]
        for host, tensor in zip(there, tensors, strict=True):
            host.copy_(tensor, non_blocking=True)
        self.finish()
        return [host.numpy() for host in there]

    def exchange(self, *shape: int) -> Exchange:
        return Exchange(torch.zeros(shape, dtype=torch.int64, pin_memory=True), self.at)

    def inbox(self, *tensors: Tensor) -> Inbox:
        return _PinnedInbox(self, *tensors)

    def capture(self, packed: Sequence[Tensor] = ()) -> Capture | None:
        return CudaCapture(self.at)

    def window_capture(self) -> Capture | None:
        return CudaCapture(self.at)

    def free_bytes(self) -> int:
        return torch.cuda.mem_get_info(self.at)[0]

    def held_bytes(self) -> int:
        return torch.cuda.memory_reserved(self.at)

    def multiply(self, *, tf32: bool) -> None:
        """Convolutions are exact in any case: the pitch's are among them, and a vocoder that is to be faster runs its
        blocks in bfloat16."""
        torch.backends.cuda.matmul.fp32_precision = "tf32" if tf32 else "ieee"
        torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
        torch.backends.cudnn.rnn.fp32_precision = "ieee"  # type: ignore[attr-defined]
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False  # sums stay float32


class Apple(Gpu):
    """Metal: no float64, and work is taken from one thread at a time, since several at once are known to crash it."""

    kind = "mps"
    max_batch = 1
    has_bfloat16 = False
    never_run = "Apple's GPUs"

    def __init__(self, at: torch.device) -> None:
        super().__init__(at)
        self._turn = threading.RLock()

    @property
    def float64(self) -> torch.device:
        return CPU

    @property
    def turn(self) -> AbstractContextManager[Any]:
        return self._turn

    def finish(self) -> None:
        torch.mps.synchronize()

    def held_bytes(self) -> int:
        return torch.mps.driver_allocated_memory()


Device.kinds |= {"cuda": Cuda, "mps": Apple}
