"""What the rest of the engine may ask of a device: its streams, its memory, its captures, and how it wants its work.

A `torch.device` says where tensors are. A `Device` knows what follows from that, so that nobody else asks for the kind
of a device. CUDA's work is asynchronous and ordered by streams; Apple's GPUs have no float64; a CPU has cores.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engine.device.graphs import Capture, CudaCapture
from engine.device.traces import TraceCapture
from engine.errors import InvalidConfig

CPU = torch.device("cpu")
MEMINFO = Path("/proc/meminfo")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container
MAX_BATCH = {"cpu": 4, "cuda": 32}  # windows in one run of the flow or the vocoder


@dataclass(frozen=True)
class Device:
    at: torch.device

    @property
    def is_cpu(self) -> bool:
        return self.at.type == "cpu"

    @property
    def is_cuda(self) -> bool:
        return self.at.type == "cuda"

    @property
    def max_batch(self) -> int:
        """How many windows are worth running together."""
        return MAX_BATCH.get(self.at.type, 1)

    @property
    def float64(self) -> torch.device:
        """Where float64 can be computed: Apple's GPUs cannot do that."""
        return CPU if self.at.type == "mps" else self.at

    def take_stream(self) -> None:
        """Gives this thread a stream of its own whose kernels go ahead of other streams': the short kernels of a step
        must not queue behind a window of the flow. Work that was begun before is over when this returns."""
        if self.is_cuda:
            torch.cuda.synchronize(self.at)
            torch.cuda.set_stream(torch.cuda.Stream(self.at, priority=-1))

    def synchronize(self) -> None:
        """Waits for this thread's work, so that threads with streams of their own may read what it wrote."""
        if self.is_cuda:
            torch.cuda.current_stream(self.at).synchronize()

    def keep_until_read(self, tensor: Tensor) -> None:
        """Keeps the memory of `tensor`, which another stream may have made, until this thread's work has read it."""
        if self.is_cuda:
            tensor.record_stream(torch.cuda.current_stream(self.at))

    def host_zeros(self, *shape: int) -> Tensor:
        """Returns int64 zeros in host memory from which a copy to the device need not be waited for."""
        return torch.zeros(shape, dtype=torch.int64, pin_memory=self.is_cuda)

    def reserve(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Returns zeros. On a CPU, pages that were never written to cost no memory."""
        n_bytes = math.prod(shape) * dtype.itemsize
        if not self.is_cpu or not n_bytes:
            return torch.zeros(tuple(shape), dtype=dtype, device=self.at)
        private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        pages = mmap.mmap(-1, n_bytes, **private)
        if hasattr(mmap, "MADV_NOHUGEPAGE"):  # of a cache, a huge page covers several heads: one write would commit all
            pages.madvise(mmap.MADV_NOHUGEPAGE)
        return torch.frombuffer(pages, dtype=dtype).view(tuple(shape))

    def capture(self, packed: Sequence[Tensor] = ()) -> Capture | None:
        """Returns what captures repeated work as graphs or traces, or None. `packed`: see `TraceCapture`."""
        if self.is_cuda:
            return CudaCapture(self.at)
        return TraceCapture(packed) if self.is_cpu else None

    def free_bytes(self) -> int:
        """Free memory of a CUDA device; of this machine, or its container, for any other."""
        if self.is_cuda:
            return torch.cuda.mem_get_info(self.at)[0]
        return min([_available(), *_container()])


def find_device(name: str) -> torch.device:
    """The device that `name` says: for "auto" a CUDA device, or else Apple's, or else the CPU.

    Raises InvalidConfig for one that is not here."""
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    here = [kind for kind, count in counts.items() if count]
    if name == "auto":
        return torch.device(here[0])
    kind, _, index = name.partition(":")
    if kind not in here or (index and not (index.isdecimal() and int(index) < counts[kind])):
        raise InvalidConfig(f"--device {name} is not available; on this machine: auto, {', '.join(here)}")
    return torch.device(name)


def _available() -> int:
    """Memory that can be had without swapping."""
    try:
        lines = MEMINFO.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # not Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _container() -> list[int]:
    try:
        text = CGROUP_LIMIT.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdecimal() else []
