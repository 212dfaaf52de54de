"""A step of T3 as graphs: tokens of R rows in, logits [R, V] float32 out, launched as one.

There is one graph for each of

    rows       1, 2, 4, 8 ... rows of the cache: those beyond the ones asked for are computed and not advanced
    positions  256, 512 ... that attention looks at, masked beyond each row's own

and what changes from step to step (tokens, speech positions, cache positions) is read from one tensor that stands
still. Everything is captured before the first request. `T3.step` on the same cache gives the same logits. With a
sampler the tokens are drawn in the same graph, so that a step is one launch between two small copies and one. How the
coming token is spread over the texts is told by another graph, which is launched behind a step where that is wanted.
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
from engine.networks.t3.cache import RaggedWindow, T3Cache
from engine.networks.t3.t3 import T3
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
        device = Device.of(t3.device)
        self._inputs = device.exchange(5, cache.rows)  # token, place, position; where the text begins and where it ends
        self._logits = sampler.logits if sampler else torch.zeros(cache.rows, t3.config.speech_vocab, device=t3.device)
        layers = sorted({layer for layer, _ in t3.config.aligned_heads})
        kv = cache.attention.kv
        self._queries = {layer: kv.new_zeros(cache.rows, kv.shape[3], 1, kv.shape[5]) for layer in layers}
        memory = (self._inputs.tensor, kv, *self._queries.values())
        if sampler is None:
            self._graphs = {NO_CHOICE: Sized(capture, self._step, buckets, *memory, self._logits)}
        else:
            self._graphs = {
                depth: Sized(capture, partial(self._speak, depth), buckets, *memory, *sampler.memory)
                for depth in sampler.step_depths
            }
        self._alignment: Sized | None = None
        if layers:
            reach = min(t3.config.prefix_len + t3.config.max_text, cache.attention.capacity)  # of any text
            ends = position_buckets(reach, bucket)
            self._over_text = torch.zeros(cache.rows, reach, device=t3.device)
            memory = (self._inputs.tensor, kv, self._over_text, *self._queries.values())
            self._alignment = Sized(capture, self._align, [buckets[0], ends[-1:] if one_shape else ends], *memory)
            self._aligned = device.inbox(self._over_text, *([sampler.drawn] if sampler else []))

    def __len__(self) -> int:
        return sum(map(len, self._graphs.values())) + (len(self._alignment) if self._alignment else 0)

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
        found, _ = self._found(len(tokens), rows or range(len(tokens)))
        return self._logits[: len(tokens)], found

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
        if not aligned:
            return self._sampler.chosen(rows), []
        found, (drawn,) = self._found(len(tokens), aligned)
        return self._sampler.tokens(rows, drawn), found

    def _found(self, count: int, rows: Sequence[int]) -> tuple[list[NDArray[np.float32]], list[NDArray[np.int64]]]:
        """Behind a step of so many rows: how the coming token is spread over the text of each of `rows`, and what the
        sampler has drawn, if there is one; one wait for both."""
        assert self._alignment is not None
        texts = [self._cache.text[row] for row in rows]
        self._alignment.run(count, max(text.stop for text in texts))
        over_text, *drawn = self._aligned.receive(count)
        return [over_text[row, text].copy() for row, text in zip(rows, texts, strict=True)], drawn

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
        texts = cache.text[:rows]
        begins, ends = [text.start for text in texts], [text.stop for text in texts]
        self._inputs.host[1:, :rows] = cache.spoken[:rows], lengths[:rows], begins, ends
        self._inputs.send()
        graphs.run(count, longest)
        cache.advance(count)

    @torch.inference_mode()
    def _step(self, sizes: tuple[int, int] | Tensor, *memory: Tensor) -> None:
        """What is captured: nothing here may depend on a value that the host knows, except on `sizes` where it does."""
        *own, logits = memory
        logits[: sizes[0]].copy_(self._predicted(sizes, *own))

    @torch.inference_mode()
    def _speak(self, depth: int, sizes: tuple[int, int], *memory: Tensor) -> None:
        """The same with the choice of the tokens."""
        assert self._sampler is not None
        own = len(memory) - len(self._sampler.memory)
        self._sampler.choose_after_step(depth, self._predicted(sizes, *memory[:own]), *memory[own:])

    def _predicted(self, sizes: tuple[int, int] | Tensor, inputs: Tensor, kv: Tensor, *kept: Tensor) -> Tensor:
        """Logits [R, V] of a step, whose queries are kept."""
        rows, end = sizes[0], sizes[1]
        tokens, places, positions = inputs[:3, :rows].unbind()
        queries: list[Tensor] = []
        logits = self._t3.predict(tokens, places, RaggedWindow(kv[:, :, :rows], end, positions), queries)
        for layer, own in zip(self._queries, kept, strict=True):
            own[:rows].copy_(queries[layer])
        return logits

    @torch.inference_mode()
    def _align(
        self, sizes: tuple[int, int] | Tensor, inputs: Tensor, kv: Tensor, over_text: Tensor, *kept: Tensor
    ) -> None:
        """What is captured of the alignment, as a step is."""
        rows, end = sizes[0], sizes[1]
        begins, ends = inputs[3:, :rows].unbind()
        queries = {layer: own[:rows] for layer, own in zip(self._queries, kept, strict=True)}
        over_text[:rows, :end].copy_(self._t3.over_text(queries, kv[:, :, :rows], end, begins, ends))
