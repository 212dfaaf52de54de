"""A step of T3 as graphs: tokens of R rows in, logits [R, V] float32 out, launched as one.

There is one graph for each of

    rows       1, 2, 4, 8 ... rows of the cache: those beyond the ones asked for are computed and not advanced
    positions  256, 512 ... that attention looks at, masked beyond each row's own

and what changes from step to step (tokens, speech positions, cache positions) is read from one tensor that stands
still. Everything is captured before the first request. `T3.step` on the same cache gives the same logits. With a
sampler the tokens are drawn in the same graph, so that a step is one launch between two small copies and one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.device.device import Device
from engine.device.graphs import Capture, Sized, row_buckets
from engine.networks.t3.cache import RaggedWindow
from engine.networks.t3.t3 import T3, T3Cache
from engine.stages.sampling import Speaking
from engine.stages.sampling_graphs import SlotSampler

NO_CHOICE = 0  # of a token: the step gives logits
POSITIONS = 256  # a bucket of attended positions: reading up to so many more costs less than another launch


def position_buckets(capacity: int, size: int) -> list[int]:
    """`size`, 2 * `size` ... up to `capacity`, which is the last one."""
    return [*range(size, capacity, size), capacity]


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
        sampler: SlotSampler | None = None,
    ) -> None:
        """Captures every graph. `one_shape`: every step is the largest one, so that a row's numbers do not depend on
        how many others there are. `sampler`: its choice is part of the graphs, for `speak`; there is no other step."""
        self._t3, self._cache, self._sampler = t3, cache, sampler
        buckets = [row_buckets(cache.rows), position_buckets(cache.attention.capacity, bucket)]
        if one_shape:
            buckets = [sizes[-1:] for sizes in buckets]
        self._inputs = Device.of(t3.device).exchange(3, cache.rows)  # token, place, position
        self._logits = sampler.logits if sampler else torch.zeros(cache.rows, t3.config.speech_vocab, device=t3.device)
        layers = sorted({layer for layer, _ in t3.config.aligned_heads})
        kv = cache.attention.kv
        self._queries = {layer: kv.new_zeros(cache.rows, kv.shape[3], 1, kv.shape[5]) for layer in layers}
        memory = (self._inputs.tensor, kv, self._logits, *self._queries.values())
        if sampler is None:
            self._graphs = {NO_CHOICE: Sized(capture, self._predict, buckets, *memory)}
        else:
            self._graphs = {
                depth: Sized(capture, partial(self._speak, depth), buckets, *memory, *sampler.memory)
                for depth in sampler.step_depths
            }

    def __len__(self) -> int:
        return sum(map(len, self._graphs.values()))

    @torch.inference_mode()
    def step(self, tokens: Tensor | Sequence[int], cache: T3Cache) -> Tensor:
        """The first len(tokens) rows of its own cache each take one speech token [R]; logits [R, V] of the one after,
        good until the next step."""
        self._replay(tokens, cache)
        return self._logits[: len(tokens)]

    @torch.inference_mode()
    def step_aligned(
        self, tokens: Tensor | Sequence[int], cache: T3Cache, rows: Sequence[int] | None = None
    ) -> tuple[Tensor, list[NDArray[np.float32]]]:
        """`step`, and for each of `rows` (None: all) how the coming token is spread over its text: [N], sum 1."""
        self._replay(tokens, cache)
        return self._logits[: len(tokens)], self._t3.alignment(self._queries, cache, rows or range(len(tokens)))

    @torch.inference_mode()
    def speak(
        self,
        tokens: Sequence[int],
        cache: T3Cache,
        rows: Sequence[Speaking],
        fresh: Mapping[int, Tensor],
        aligned: Sequence[int],
    ) -> tuple[list[int], list[NDArray[np.float32]]]:
        """`step`, and the token that each of `rows` draws after it: from the step's logits, or where a slot is `fresh`
        from those given [V]. With how it is spread over the text of the rows in the slots `aligned`."""
        assert self._sampler is not None
        self._replay(tokens, cache, self._sampler.tell_of_step(rows, fresh))
        attention = self._t3.alignment(self._queries, cache, aligned) if aligned else []
        return self._sampler.chosen(rows), attention

    def _replay(self, tokens: Tensor | Sequence[int], cache: T3Cache, depth: int = NO_CHOICE) -> None:
        if cache is not self._cache:
            raise ValueError("a graph reads and writes the cache that it was captured with")
        count, lengths = len(tokens), cache.attention.lengths
        longest = max(lengths[:count]) + 1
        if longest > cache.attention.capacity:
            raise ValueError(f"cache of {cache.attention.capacity} positions is full")
        graphs = self._graphs[depth]
        rows, _ = graphs.covering(count, longest)
        self._inputs.host[0, :count] = tokens
        self._inputs.host[1:, :rows] = cache.spoken[:rows], lengths[:rows]
        self._inputs.send()
        graphs.run(count, longest)
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

    @torch.inference_mode()
    def _speak(self, depth: int, sizes: tuple[int, int], *memory: Tensor) -> None:
        """The same, and the choice of the tokens."""
        assert self._sampler is not None
        own = len(memory) - len(self._sampler.memory)
        self._predict(sizes, *memory[:own])
        self._sampler.choose_after_step(depth, sizes[0], *memory[own:])
