"""Captured work: operations on tensors that are launched as one.

A step of a decoder is hundreds of small operations; launching them one by one takes a GPU longer than they run, and on
a CPU Python's lock each time (`engine.device.traces`). A graph is launched at once, but its shapes and addresses are
those of its capture. `Sized` therefore holds one graph for each bucket of sizes; where a capture takes any shape, one
graph does for all, and computes nothing beyond what is asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Protocol

import torch
from torch import Tensor


class Capture(Protocol):
    any_shape: bool  # slices may begin and end where a tensor says: one graph is enough

    def __call__(self, work: Callable[..., None], *memory: Tensor) -> Callable[[], None]:
        """Runs `work(*memory)`, and returns what repeats its tensor operations on the same memory. What `work` reads
        and is not given must not change."""
        ...


class CudaCapture:
    """Graphs that share one pool of memory: one replay comes after the other, and what one leaves behind for its
    reader lies in tensors of its own."""

    any_shape = False

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()
        self._free = self._free_bytes()

    def __call__(self, work: Callable[..., None], *memory: Tensor) -> Callable[[], None]:
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            work(*memory)  # libraries choose their kernels and set up their workspaces, which a capture must not see
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # The other threads go on using the device meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            work(*memory)
        return graph.replay

    @property
    def nbytes(self) -> int:
        """Of device memory taken since; true as long as nobody else takes any."""
        return max(0, self._free - self._free_bytes())

    def _free_bytes(self) -> int:
        torch.cuda.synchronize(self._device)
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(self._device)[0]


def row_buckets(rows: int) -> list[int]:
    """1, 2, 4 ... up to `rows`, which is the last one."""
    return [1 << power for power in range((rows - 1).bit_length())] + [rows]


class Sized:
    """Captured work whose memory stays while its sizes change: one graph for all sizes, or one for each bucket.

    It captures `work(sizes, *memory)`; `sizes` are numbers, or a tensor of them where one graph serves all sizes."""

    def __init__(
        self, capture: Capture, work: Callable[..., None], buckets: Sequence[Sequence[int]], *memory: Tensor
    ) -> None:
        """`buckets`: of each size, the last being the largest. The largest graphs are captured first, so that the
        others find their memory in the pool. A size with one bucket is always that large."""
        self._buckets, self._any_size = buckets, capture.any_shape
        self._sizes = torch.tensor([min(2, sizes[-1]) for sizes in buckets])  # Quirk: a trace keeps ones
        self._graphs: dict[tuple[int, ...], Callable[[], None]] = {}
        if self._any_size:
            self._graphs[()] = capture(work, self._sizes, *memory)
            return
        for sizes in product(*map(reversed, buckets)):
            self._graphs[sizes] = capture(partial(work, sizes), *memory)

    def __len__(self) -> int:
        return len(self._graphs)

    def run(self, *wanted: int) -> None:
        sizes = self.covering(*wanted)
        if self._any_size:
            for index, size in enumerate(sizes):
                self._sizes[index] = size
        self._graphs[() if self._any_size else sizes]()

    def covering(self, *wanted: int) -> tuple[int, ...]:
        """Returns the sizes that are computed when `sizes` are asked for."""
        return tuple(
            size if self._any_size and len(sizes) > 1 else sizes[bisect_left(sizes, size)]
            for sizes, size in zip(self._buckets, wanted, strict=True)
        )
