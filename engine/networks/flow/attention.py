"""Which positions of a block-causal sequence see each other, and the attention that follows this rule.

A sequence is [prompt block | window | window | ...]. The prompt block sees itself. A frame of a window sees the whole
prompt block, the `history` positions before its window, and all of its own window, never more: work and memory per
second are constant. The same rule in two forms:
- one window at a time: keys are [prompt | history | own], of the prepared voice and the state (keys.py), all visible;
- a whole sequence at once (training, replay): a `Plan` from the record of committed windows, as masks (`Sight`).
Windows of several lengths in one run have room for the longest of them; an `Extent` says what each of them is.

Relative positions: history and own frames are at their true distance. The prompt block is pinned: it always ends
where the visible history begins, as if [prompt | history | own] were contiguous. So distances stay bounded (prompt +
history + window), never depend on how long the segment has been running, and are true ones at its beginning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.device.spans import Span


@dataclass(frozen=True)
class Commit:
    """One committed window: `end` tokens of the segment are done, `seen` tokens of lookahead were known to it."""

    end: int
    seen: int


@dataclass(frozen=True)
class Sight:
    """A whole sequence at one rate: what each position may see."""

    bias: Tensor  # [B, 1, T, T] float, 0 where the query (row) sees the key, -inf elsewhere
    longest_prompt: int  # P, of the prompt blocks
    in_prompt: Tensor  # [B, 1, 1, P] bool, which of the first P keys are of the prompt block
    positions: Tensor  # [T] float64
    pinned: Tensor  # [B, T] float64, a query's position as the prompt block's keys see it


@dataclass(frozen=True)
class Plan:
    """The windows of B sequences, per token; a prompt's tokens count as a window that begins and ends at its end."""

    prompt: Tensor  # [B] tokens of the prompt block
    begin: Tensor  # [B, T] first token visible besides the prompt block
    end: Tensor  # [B, T] end of the token's window
    limit: Tensor  # [B, T] end of the tokens its window knew, lookahead included

    @staticmethod
    def of(
        prompts: Sequence[int],
        records: Sequence[Sequence[Commit]],
        history: int,
        length: int,
        device: torch.device | None = None,
    ) -> Plan:
        """From each sequence's prompt block and its commits, whose `end` counts from the sequence's first token.
        What is past the last commit, up to `length`, is padding: a window of its own."""
        rows = [_rows(prompt, record, history, length) for prompt, record in zip(prompts, records, strict=True)]
        begin, end, limit = torch.tensor(rows, device=device).unbind(1)
        return Plan(prompt=torch.tensor(prompts, device=device), begin=begin, end=end, limit=limit)

    def taps(self, count: int) -> Tensor:
        """[B, T, count] float: 1 where the window knew the token `tap` places ahead."""
        token = torch.arange(self.end.shape[1], device=self.end.device)
        ahead = token[:, None] + torch.arange(count, device=self.end.device)
        return (ahead < self.limit[..., None]).float()

    def sight(self, ratio: int) -> Sight:
        """Returns the masks at `ratio` positions per token."""
        begin, end, prompt = ratio * self.begin, ratio * self.end, ratio * self.prompt[:, None]
        position = torch.arange(ratio * self.end.shape[1], device=self.end.device)
        begin, end = begin.repeat_interleave(ratio, 1), end.repeat_interleave(ratio, 1)
        in_prompt = (position < prompt)[:, None]
        longest = ratio * int(self.prompt.max())
        visible = in_prompt | ((begin[..., None] <= position) & (position < end[..., None]))
        bias = torch.zeros(visible.shape, device=visible.device).masked_fill(~visible, -math.inf)
        pinned = position - begin + prompt
        return Sight(bias[:, None], longest, in_prompt[:, None, :, :longest], position.double(), pinned.double())


@dataclass(frozen=True)
class Extent:
    """What is real of B windows that have more room than they need: in front of the prompt block, and behind."""

    prompt: Tensor  # [B] positions of the prompt block, the last ones of its room
    count: Tensor  # [B] positions of the window, the first ones of its room,
    known: Tensor  # [B] and with the lookahead
    _made: dict[tuple[int, ...], Any] = field(default_factory=dict, init=False)  # that all layers and steps share

    def times(self, ratio: int) -> Extent:
        """Returns the same at `ratio` positions per token."""
        return Extent(ratio * self.prompt, ratio * self.count, ratio * self.known)

    def repeated(self, times: int) -> Extent:
        """Returns the same for so many rows of each window."""
        if times == 1:
            return self
        return Extent(*(one.repeat_interleave(times) for one in (self.prompt, self.count, self.known)))

    def heard(self, x: Tensor) -> Tensor:
        """[B, T, C] with zeros where nothing is known."""
        position = torch.arange(x.shape[1], device=x.device)
        return x.masked_fill((position >= self.known[:, None])[..., None], 0.0)

    def mask(self, prompt: int, own: int, like: Tensor) -> Tensor:
        """[B, 1, 1, K] of so much room: 0 for what is real, -inf elsewhere."""
        if (prompt, own) not in self._made:
            position = torch.arange(-prompt, own, device=like.device)
            hidden = (position < -self.prompt[:, None]) | (position >= self.count[:, None])
            self._made[prompt, own] = torch.where(hidden, -math.inf, 0.0).to(like.dtype)[:, None, None]
        return cast(Tensor, self._made[prompt, own])

    def spans(self, rows: Tensor, heads: int, prompt: int, own: int) -> tuple[Span, Span]:
        """Where B windows with room for so many positions find their keys: those of their prompts in [N, H, P, D], of
        which they have the `rows` [B], and their own, in [B, K, H, D]."""
        if (heads, prompt, own) not in self._made:
            step = heads * prompt  # D numbers are one position; from one row to the next there are as many
            begins = F.pad(rows * step + (prompt - self.prompt), (0, 1)).int()
            own_begins = torch.arange(0, own * (len(rows) + 1), own, dtype=torch.int32, device=rows.device)
            spans = Span(begins, self.prompt.int(), prompt), Span(own_begins, self.count.int(), own)
            self._made[heads, prompt, own] = spans
        return cast(tuple[Span, Span], self._made[heads, prompt, own])


def _rows(prompt: int, record: Sequence[Commit], history: int, length: int) -> list[list[int]]:
    begin, end, limit = [prompt] * prompt, [prompt] * prompt, [length] * prompt
    start = prompt
    for commit in [*record, Commit(length, 0)]:
        count = commit.end - start
        begin += [max(prompt, start - history)] * count
        end += [commit.end] * count
        limit += [commit.end + commit.seen] * count
        start = commit.end
    return [begin, end, limit]


def attend(query: Tensor, keys: Tensor, bias: Tensor | None, sight: Sight | None, mask: Tensor | None) -> Tensor:
    """[B, H, T, D] x [2, B, H, K, D] (+ bias [B, H, T, K], + mask [B, 1, 1, K]) -> [B, T, H * D]."""
    key, value = keys[0], keys[1]
    if mask is not None:
        bias = mask if bias is None else bias + mask
    if sight is None:
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    else:  # whole sequences are trained on, and the fused kernel's backward is three times slower here in bfloat16
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        scores = scores + sight.bias.to(scores.dtype)
        y = (scores if bias is None else scores + bias).softmax(-1).to(value.dtype) @ value
    return y.transpose(1, 2).flatten(2)


def merged(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Tensor:
    """Attention over two sets of keys [..., H, D], from that over each of them and its log-sum-exp [..., H]."""
    share = (one[1] - other[1]).sigmoid_()[..., None]
    return torch.lerp(other[0], one[0], share.to(one[0].dtype))


def nbytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
