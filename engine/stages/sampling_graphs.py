"""Choosing the next speech tokens as a graph: logits [S, V] of all slots in, tokens of the rows out.

It makes the same choice as `Sampler.draw`, from tensors that stay where they are: what a row was told once (its
parameters, the address of its noise) and what it said so far stay on the device, at the row's first slot. A step brings
one small block of numbers to the device and the tokens back; nothing else crosses, and nothing else is waited for.
Where graphs have fixed shapes, the choice is part of the step's own graph (step_graphs.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.device.device import Device
from engine.device.graphs import Capture, Sized, row_buckets
from engine.model import ModelConfig
from engine.networks import noise
from engine.sampling_params import SamplingParams
from engine.stages.sampling import Choice, Sampler, Speaking, combine_guidance, least_ratio


class _Int(IntEnum):
    """Rows of the block that hold integers."""

    WITHOUT = 0  # the slot of the row's logits without text, its own where no guidance acts
    COUNT = 1  # tokens said so far
    KEY = 2  # of its noise
    LAST = 3  # the place of the last that top-k keeps, among the likeliest
    FRESH = 4  # 1: the slot's logits are those behind its text, and not the step's


class _Float(IntEnum):
    """Rows of the block, after the integers, whose first halves hold float32."""

    TEMPERATURE = 0
    LOUDNESS = 1
    REST = 2  # 1 - top_p
    LEAST_RATIO = 3
    PENALTY = 4
    WEIGHT = 5  # of guidance


BOUNDS = (32, 1024)  # a choice among at most so many of the likeliest costs less than one among all


class SlotSampler:
    """Owns the tensors that its graphs read from and write to, and knows which row speaks from which slot."""

    def __init__(self, sampler: Sampler, config: ModelConfig, slots: int, capture: Capture) -> None:
        """Captures graphs without the sorting that top-k and top-p need, with that of the likeliest, and of all."""
        self._sampler, self._guidance = sampler, config.t3.guidance
        self._penalty_last, self._window = config.sampling.penalty_last, config.sampling.penalty_window
        self._max_tokens, vocab, device = config.text.max_tokens, config.t3.speech_vocab, sampler.device
        self._device = Device.of(device)
        self._told = self._device.exchange(len(_Int) + len(_Float), slots)
        self._ints = self._told.host[: len(_Int)]
        self._floats = self._told.host[len(_Int) :].view(np.float32)[:, :slots]
        self._keys, self._top_k = np.zeros(slots, np.int64), np.full(slots, vocab)  # of the row in each slot
        self._floats[[_Float.TEMPERATURE, _Float.PENALTY]] = 1.0
        block = self._told.send()
        self.logits = torch.zeros(slots, vocab, device=device)
        self._fresh = torch.zeros(slots, vocab, device=device)  # behind the texts of rows that are new
        self._said = torch.zeros(
            slots, self._max_tokens + 1, dtype=torch.int64, device=device
        )  # and a place for no row's
        self.drawn = torch.zeros(slots, dtype=torch.int64, device=device)
        self._inbox = self._device.inbox(self.drawn)
        self._speaking: list[Speaking | None] = [None] * slots
        floats = block[len(_Int) :].view(torch.float32)[:, :slots]
        self.memory = (block, floats, self.logits, self._said, self.drawn)
        self._depths = sorted({1, *(min(bound, vocab) for bound in BOUNDS), vocab})
        self._graphs = {
            depth: Sized(capture, partial(self._choose, depth), [row_buckets(slots)], *self.memory)
            for depth in self._depths
        }
        # With a step: as the model's own parameters want it, and for all others.
        self.step_depths = sorted({self._depth([config.sampling]), vocab})

    @torch.inference_mode()
    def draw(self, logits: Tensor, rows: Sequence[Speaking]) -> list[int]:
        """The next token of each of `rows` from the logits [S, V] of all slots in use."""
        depth = self._depth([row.params for row in rows])
        self._tell(rows, depth)
        self.logits[: len(logits)] = logits
        self._graphs[depth].run(len(logits))
        return self.chosen(rows)

    @torch.inference_mode()
    def tell_of_step(self, rows: Sequence[Speaking], fresh: Mapping[int, Tensor]) -> int:
        """Says who draws after a step that is about to be replayed, and which slots from logits [V] of their own.

        Returns which of `step_depths` they need."""
        for slot, logits in fresh.items():
            self._fresh[slot] = logits
        depth = self._depth([row.params for row in rows])
        if depth not in self.step_depths:
            depth = self.step_depths[-1]  # which is right for all of them
        self._tell(rows, depth, list(fresh))
        return depth

    def chosen(self, rows: Sequence[Speaking]) -> list[int]:
        """The token of each of `rows`, which this waits for."""
        (drawn,) = self._inbox.receive(len(self.drawn))
        return self.tokens(rows, drawn)

    @staticmethod
    def tokens(rows: Sequence[Speaking], drawn: NDArray[np.int64]) -> list[int]:
        """The same, where `drawn` [S] has been received."""
        return [int(drawn[row.slots[0]]) for row in rows]

    def _depth(self, params: Sequence[SamplingParams]) -> int:
        """Returns among how many of the likeliest they choose, as graphs know it."""
        if all(p.top_k == 0 and p.top_p >= 1 for p in params):
            return 1
        vocab = self.logits.shape[1]
        most = max(min(p.top_k, vocab) or vocab for p in params)
        return next(depth for depth in self._depths if depth >= max(most, 2))

    def _tell(self, rows: Sequence[Speaking], depth: int, fresh: Sequence[int] = ()) -> None:
        self._ints[_Int.COUNT] = self._max_tokens  # those who do not draw now
        self._ints[_Int.FRESH] = 0
        self._ints[_Int.FRESH, list(fresh)] = 1
        for row in rows:
            slot = row.slots[0]
            if self._speaking[slot] is not row:
                self._enter(slot, row)
            self._ints[_Int.COUNT, slot], self._ints[_Int.WITHOUT, slot] = len(row.tokens), row.slots[-1]
        self._ints[_Int.KEY] = noise.fold_each(self._keys, self._ints[_Int.COUNT])
        self._ints[_Int.LAST] = np.minimum(self._top_k, depth) - 1
        self._told.send()

    def forget(self, row: Speaking) -> None:
        """Of a row that says another token than was drawn, or has another slot: what it said is brought to the device
        again."""
        self._speaking[row.slots[0]] = None

    def _enter(self, slot: int, row: Speaking) -> None:
        """Notes a row that is new to this slot, or that was to be forgotten."""
        self._speaking[slot] = row
        p, vocab = row.params, self.logits.shape[1]
        self._keys[slot] = noise.signed(noise.fold(row.key[0], noise.Stream.T3, row.key[1]))
        self._top_k[slot] = min(p.top_k, vocab) or vocab
        floats = {
            _Float.TEMPERATURE: p.temperature or 1.0,
            _Float.LOUDNESS: 1.0 if p.temperature else 0.0,
            _Float.REST: 1.0 - p.top_p,
            _Float.LEAST_RATIO: least_ratio(p),
            _Float.PENALTY: p.repetition_penalty,
            _Float.WEIGHT: p.cfg_weight,
        }
        for name, number in floats.items():
            self._floats[name, slot] = number
        self._said[slot] = self._sampler.nothing
        if row.tokens:
            self._said[slot, : len(row.tokens)] = self._device.upload(row.tokens)

    @torch.inference_mode()
    def choose_after_step(self, depth: int, predicted: Tensor, *memory: Tensor) -> None:
        """What is captured with a step, which predicted these logits [R, V] of the first R slots."""
        block, logits, rows = memory[0], memory[2], len(predicted)
        is_fresh = block[_Int.FRESH, :rows, None] > 0
        torch.where(is_fresh, self._fresh[:rows], predicted, out=logits[:rows])
        self._choose(depth, (rows,), *memory)

    @torch.inference_mode()
    def _choose(
        self,
        depth: int,
        size: tuple[int] | Tensor,
        block: Tensor,
        block_floats: Tensor,
        logits: Tensor,
        said: Tensor,
        chosen: Tensor,
    ) -> None:
        """What is captured: nothing here may depend on a value that the host knows, except on `depth`, and on `size`
        where it does."""
        rows = size[0]
        ints, floats = block[: len(_Int), :rows], block_floats[:, :rows, None]
        count, said = ints[_Int.COUNT][:, None], said[:rows]
        scores = logits[:rows]
        if self._guidance:
            scores = combine_guidance(torch.cat([scores, logits[ints[_Int.WITHOUT]]]), floats[_Float.WEIGHT])
        choice = Choice(
            keys=ints[_Int.KEY],
            temperature=floats[_Float.TEMPERATURE],
            loudness=floats[_Float.LOUDNESS],
            n_best=depth,
            last=ints[_Int.LAST][:, None] if depth > 1 else None,
            rest=floats[_Float.REST] if depth > 1 else None,
            least_ratio=None if self._penalty_last else floats[_Float.LEAST_RATIO],
            penalty=floats[_Float.PENALTY],
            seen=self._seen(said, count),
        )
        drawn = self._sampler.choose(scores, choice, self._penalty_last)
        said.scatter_(1, count, drawn[:, None])
        chosen[:rows].copy_(drawn)

    def _seen(self, said: Tensor, count: Tensor) -> Tensor:
        """[R, N] what is penalised: all that was said, or the last of it where the model looks back no farther."""
        said = said[:, : self._max_tokens]
        if not self._window:
            return said
        places = torch.arange(self._max_tokens, device=said.device)
        return torch.where(places >= count - self._window, said, self._sampler.nothing)
