"""Choosing the next speech token: logits [R, V] of R rows in, R token ids out, 25 times a second of speech.

A choice is a function of (logits, history, parameters, seed, segment, token index): noise is addressed, never consumed,
so a row's tokens do not depend on what else was sampled. With temperature 0 the likeliest token is taken.
`Sampler.choose` is one function of tensors whose shapes do not depend on their values: it can be captured as a graph.
Filters have the semantics of Hugging Face's generation processors. Sources: top-p (1904.09751), min-p (2407.01082),
repetition penalty (CTRL, 1909.05858), the Gumbel-max trick.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.device.device import CPU, Device
from engine.networks import noise
from engine.networks.t3.t3 import T3Config
from engine.sampling_params import SamplingParams


class Speaking(Protocol):
    """A row of a batch: what its next token depends on, beside the logits."""

    params: SamplingParams
    key: tuple[int, int]  # (seed, segment)
    slots: list[int]  # its logits' places: with text and, where guidance acts, without
    tokens: list[int]  # of this segment so far


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What R tokens depend on beside their logits: columns [R, 1], or a number where all rows agree; None: off."""

    keys: Tensor  # [R] of their noise
    temperature: Tensor | float  # 1 where the likeliest is taken
    loudness: Tensor  # of the noise: 1, or 0 where the likeliest is taken
    n_best: int  # at most so many tokens are kept for any row, or it is 1 and all are
    last: Tensor | None = None  # the place of the last that top-k keeps, among the likeliest
    rest: Tensor | float | None = None  # 1 - top_p: the least likely that together hold no more are out
    least_ratio: Tensor | float | None = None  # logarithm of min_p
    penalty: Tensor | float | None = None
    seen: Tensor | None = None  # [R, N] what is penalised; `Sampler.nothing` where there is less


class Sampler:
    """Draws tokens. It is immutable: it holds what the model can say, and everything else comes with the call."""

    def __init__(self, config: T3Config, device: torch.device | None = None) -> None:
        # Quirk: the published heads have rows (specials, padding) that are no codes; upstream may sample them.
        # The speech start is one of them, so that it makes no difference whether a penalty's history holds it: for
        # the Llama models it does, for Turbo and Nano before the first token only.
        self.device = device or CPU
        self._device = Device.of(self.device)
        self._forbidden = torch.ones(config.speech_vocab, dtype=torch.bool, device=device)
        self._forbidden[: config.codes] = False
        self._forbidden[config.stop_speech] = False
        self.nothing = config.start_speech  # in a history: no token at all

    def sample(self, logits: Tensor, history: Sequence[int], params: SamplingParams, key: tuple[int, int]) -> int:
        """The token after `history` (all of this segment's so far) from logits [V]; `key` is (seed, segment)."""
        return self.sample_rows(logits[None], [history], [params], [key])[0]

    def draw(self, logits: Tensor, rows: Sequence[Speaking]) -> list[int]:
        """Returns the next token of each of `rows`, drawn from the logits [S, V] of all slots."""
        with_text, without = [row.slots[0] for row in rows], [row.slots[-1] for row in rows]
        if with_text != without:  # a row that guides itself stays as it is
            weights = self._column([row.params.cfg_weight for row in rows])
            logits = combine_guidance(logits[self._device.upload(with_text + without)], weights)
        elif with_text != list(range(len(logits))):
            logits = logits[self._device.upload(with_text)]
        return self.sample_rows(
            logits, [row.tokens for row in rows], [row.params for row in rows], [row.key for row in rows]
        )

    def forget(self, row: Speaking) -> None:
        """Of a row that says another token than was drawn, or has another slot: its history comes with every call."""

    def sample_rows(
        self,
        logits: Tensor,
        histories: Sequence[Sequence[int]],
        params: Sequence[SamplingParams],
        keys: Sequence[tuple[int, int]],
    ) -> list[int]:
        """Does the same for rows [R, V], each with its own parameters."""
        last = params[0].penalty_last
        if any(p.penalty_last is not last for p in params):
            raise ValueError("rows of one batch come from one model: penalty_last differs")
        (chosen,) = self._device.download(self.choose(logits, self._choice(logits, histories, params, keys), last))
        return [int(token) for token in chosen]

    def choose(self, logits: Tensor, c: Choice, penalty_last: bool) -> Tensor:
        """[R] token ids from logits [R, V], which stay unchanged. After the `n_best` likeliest are found, all work is
        done on these alone, unless `n_best` is 1."""
        scores = logits.float().masked_fill(self._forbidden, -torch.inf)
        if not penalty_last:
            scores = _penalise(scores, c)
        scores = scores / c.temperature
        best, ids = scores.topk(c.n_best)
        among_all = c.n_best == 1
        held = scores if among_all else best
        is_out = held < _least_kept(best, c)
        if penalty_last:
            scores = _penalise(scores, c)
            held = scores if among_all else scores.gather(1, ids)
        luck = noise.gumbel(c.keys, 0, scores.shape[1], scores.device) if among_all else noise.gumbel_at(c.keys, ids)
        drawn = torch.addcmul(held.masked_fill(is_out, -torch.inf), luck, c.loudness).argmax(-1)
        return drawn if among_all else ids.gather(1, drawn[:, None])[:, 0]

    def _choice(
        self,
        logits: Tensor,
        histories: Sequence[Sequence[int]],
        params: Sequence[SamplingParams],
        keys: Sequence[tuple[int, int]],
    ) -> Choice:
        """With what no row needs left out."""
        n_scores = logits.shape[1]
        counts = [min(p.top_k, n_scores) or n_scores for p in params]
        is_limited, has_counts = any(p.top_p < 1 for p in params), min(counts) < n_scores
        penalty, seen = None, None
        if any(p.repetition_penalty != 1.0 for p in params):
            penalty = self._column([p.repetition_penalty for p in params])
            seen = self._seen(histories, params)
        addresses = [
            noise.fold(seed, noise.Stream.T3, segment, len(history))
            for (seed, segment), history in zip(keys, histories, strict=True)
        ]
        return Choice(
            keys=self._device.upload([noise.signed(key) for key in addresses]),
            temperature=self._column([p.temperature or 1.0 for p in params]),
            loudness=self._device.upload([1.0 if p.temperature else 0.0 for p in params])[:, None],
            n_best=max(counts) if is_limited or has_counts else 1,
            last=self._device.upload([count - 1 for count in counts])[:, None] if has_counts else None,
            rest=self._column([1.0 - p.top_p for p in params]) if is_limited else None,
            least_ratio=self._column([least_ratio(p) for p in params]) if any(p.min_p > 0 for p in params) else None,
            penalty=penalty,
            seen=seen,
        )

    def _seen(self, histories: Sequence[Sequence[int]], params: Sequence[SamplingParams]) -> Tensor:
        """[R, N]"""
        recent = [list(history[-p.penalty_window :]) for history, p in zip(histories, params, strict=True)]
        longest = max(map(len, recent))
        rows = [tokens + [self.nothing] * (longest - len(tokens)) for tokens in recent]
        return self._device.upload(torch.tensor(rows, dtype=torch.int64))

    def _column(self, values: Sequence[float]) -> Tensor | float:
        """One value a row, as float32 [R, 1]; a plain number where all rows agree."""
        if min(values) == max(values):
            return values[0]
        return self._device.upload(values)[:, None]


def combine_guidance(logits: Tensor, weight: Tensor | float) -> Tensor:
    """[2 R, V] with text, then the same rows without -> float32 [R, V]; `weight` may be one a row, [R, 1]."""
    with_text, without = logits.float().chunk(2)
    return with_text + weight * (with_text - without)


def least_ratio(params: SamplingParams) -> float:
    """Returns the logarithm of the least share of the best token's probability that is kept."""
    is_on = params.min_p > 0 and not params.penalty_last
    return math.log(params.min_p) if is_on else -math.inf


def _penalise(scores: Tensor, c: Choice) -> Tensor:
    """Divides positive scores and multiplies negative ones, in place, once for every distinct token of the history."""
    if c.penalty is None or c.seen is None:
        return scores
    said = scores.gather(1, c.seen)
    return scores.scatter_(1, c.seen, torch.where(said < 0, said * c.penalty, said / c.penalty))


def _least_kept(best: Tensor, c: Choice) -> Tensor:
    """Returns the least score [R, 1] that top-k, min-p and top-p leave, in this order; ties with it stay.

    `best`: [R, N] the likeliest, descending."""
    least = torch.full_like(best[:, :1], -torch.inf) if c.last is None else best.gather(1, c.last)
    if c.least_ratio is not None:
        least = torch.maximum(least, best[:, :1] + c.least_ratio)
    if c.rest is not None:  # never the best one
        probability = best.masked_fill(best < least, -torch.inf).softmax(-1)
        others = (probability.flip(-1).cumsum(-1)[:, :-1] > c.rest).sum(-1, keepdim=True)  # that are kept beside it
        least = torch.maximum(least, best.gather(1, others))
    return least
