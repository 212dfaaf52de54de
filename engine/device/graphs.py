"""A step of T3 as graphs: tokens of R rows in, logits [R, V] float32 out, launched as one.

A step is hundreds of small operations; launching them one by one takes a GPU longer than they run, and on a CPU
Python's lock each time (`engine.device.traces`). A graph is launched at once, but its shapes and
addresses are those of its capture. So there is one graph for each of

    rows       1, 2, 4, 8 ... rows of the cache: those beyond the ones asked for are computed and not advanced
    positions  256, 512 ... that attention looks at, masked beyond each row's own

and what changes from step to step (tokens, speech positions, cache positions) is read from one tensor that stands
still. Where a capture takes any shape, one graph does for all, and computes nothing beyond what is asked for.
Everything is captured before the first request. `T3.step` on the same cache gives the same logits.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Protocol

import torch
from torch import Tensor

from engine.networks.t3.cache import RaggedWindow
from engine.networks.t3.t3 import T3, T3Cache

POSITIONS = 256  # a bucket of attended positions: reading up to so many more costs less than another launch


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


def take_stream(device: torch.device) -> None:
    """Gives this thread a stream of its own whose kernels go ahead of other streams': the short ones of a step must not
    queue behind a window of the flow. What was begun before is over."""
    torch.cuda.synchronize(device)
    torch.cuda.set_stream(torch.cuda.Stream(device, priority=-1))


def row_buckets(rows: int) -> list[int]:
    """1, 2, 4 ... up to `rows`, which is the last one."""
    return [1 << power for power in range((rows - 1).bit_length())] + [rows]


def position_buckets(capacity: int, size: int) -> list[int]:
    """`size`, 2 * `size` ... up to `capacity`, which is the last one."""
    return [*range(size, capacity, size), capacity]


class Sized:
    """Work on standing memory whose sizes change from run to run: one graph of any size, or one for each bucket.

    Captured is `work(sizes, *memory)`; `sizes` are numbers, or a tensor of them where one graph does for all."""

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
        """The sizes that are computed where these are asked for."""
        return tuple(
            size if self._any_size and len(sizes) > 1 else sizes[bisect_left(sizes, size)]
            for sizes, size in zip(self._buckets, wanted, strict=True)
        )


class StepGraphs:
    """`T3.step` over one cache. Owns the tensors that its graphs read from and write to, and nothing of a request."""

    def __init__(
        self,
        t3: T3,
        cache: T3Cache,
        capture: Capture,
        *,
        one_shape: bool = False,
        bucket: int = POSITIONS,
    ) -> None:
        """Captures every graph. `one_shape`: every step is the largest one, so that a row's numbers do not depend on
        how many others there are."""
        self._t3, self._cache = t3, cache
        buckets = [row_buckets(cache.rows), position_buckets(cache.attention.capacity, bucket)]
        if one_shape:
            buckets = [sizes[-1:] for sizes in buckets]
        is_cuda = t3.device.type == "cuda"
        self._host = torch.zeros(3, cache.rows, dtype=torch.int64, pin_memory=is_cuda)
        self._inputs = torch.zeros(3, cache.rows, dtype=torch.int64, device=t3.device)  # token, place, position
        self._logits = torch.zeros(cache.rows, t3.config.speech_vocab, device=t3.device)
        layers = sorted({layer for layer, _ in t3.config.aligned_heads})
        kv = cache.attention.kv
        self._queries = {layer: kv.new_zeros(cache.rows, kv.shape[3], 1, kv.shape[5]) for layer in layers}
        self._graphs = Sized(capture, self._predict, buckets, self._inputs, kv, self._logits, *self._queries.values())

    def __len__(self) -> int:
        return len(self._graphs)

    @torch.inference_mode()
    def step(self, tokens: Tensor, cache: T3Cache) -> Tensor:
        """The first len(tokens) rows of its own cache each take one speech token [R]; logits [R, V] of the one after,
        good until the next step."""
        self._replay(tokens, cache)
        return self._logits[: len(tokens)]

    @torch.inference_mode()
    def step_aligned(
        self, tokens: Tensor, cache: T3Cache, rows: Sequence[int] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """`step`, and for each of `rows` (None: all) how the coming token is spread over its text: [N], sum 1."""
        self._replay(tokens, cache)
        return self._logits[: len(tokens)], self._t3.alignment(self._queries, cache, rows or range(len(tokens)))

    def _replay(self, tokens: Tensor, cache: T3Cache) -> None:
        if cache is not self._cache:
            raise ValueError("a graph reads and writes the cache that it was captured with")
        count, lengths = len(tokens), cache.attention.lengths
        longest = max(lengths[:count]) + 1
        if longest > cache.attention.capacity:
            raise ValueError(f"cache of {cache.attention.capacity} positions is full")
        rows, _ = self._graphs.covering(count, longest)
        self._host[0, :count] = tokens
        self._host[1:, :rows] = torch.tensor([cache.spoken[:rows], lengths[:rows]])
        self._inputs.copy_(self._host, non_blocking=True)  # the one copy of a step to the device
        self._graphs.run(count, longest)
        cache.advance(count)

    @torch.inference_mode()
    def _predict(
        self, sizes: tuple[int, int] | Tensor, inputs: Tensor, kv: Tensor, logits: Tensor, *kept: Tensor
    ) -> None:
        """What is captured: nothing here may depend on a value that the host knows, except on `sizes` where it does."""
        rows, end = sizes[0], sizes[1]
        tokens, places, positions = inputs[:, :rows].unbind()
        queries: list[Tensor] = []
        window = RaggedWindow(kv[:, :, :rows], end, positions)
        logits[:rows].copy_(self._t3.predict(tokens, places, window, queries))
        for layer, own in zip(self._queries, kept, strict=True):
            own[:rows].copy_(queries[layer])
