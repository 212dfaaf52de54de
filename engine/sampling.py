"""Choosing the next speech token: logits [R, V] of R rows in, R token ids out, 25 times a second of speech.

A choice is a function of (logits, history, parameters, seed, segment, token index): noise is addressed, never consumed,
so a row's tokens do not depend on what else was sampled. With temperature 0 the likeliest token is taken.
Filters have the semantics of Hugging Face's generation processors. Sources: top-p (1904.09751), min-p (2407.01082),
repetition penalty (CTRL, 1909.05858), the Gumbel-max trick.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine import noise
from engine.models.t3 import T3Config
from engine.ranges import SAMPLING_RANGES as RANGES


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """The wire's parameters with a model's defaults, and two facts of the model that no request changes."""

    temperature: float = 0.8  # 0: greedy
    top_p: float = 1.0  # 1: off
    min_p: float = 0.0  # 0: off
    top_k: int = 0  # 0: off
    repetition_penalty: float = 1.0  # 1: off
    cfg_weight: float = 0.5
    exaggeration: float = 0.5
    penalty_last: bool = False  # Quirk: Turbo and Nano penalise after truncation and temperature, Llama models before
    penalty_window: int = 0  # tokens the penalty looks back on; 0: all of the segment

    def __post_init__(self) -> None:
        for name, (least, greatest) in RANGES.items():
            value = getattr(self, name)
            if not (least <= value <= greatest and math.isfinite(value)) or (name == "top_p" and value == 0):
                bounds = f"above 0, up to {greatest:g}" if name == "top_p" else f"from {least:g} to {greatest:g}"
                raise ValueError(f"{name}: {value:g} is out of range; possible: {bounds}")
        if self.penalty_window < 0:
            raise ValueError(f"penalty_window: {self.penalty_window} is negative")

    def override(self, values: Mapping[str, float]) -> SamplingParams:
        """These with a request's `values` by the wire's names. Raises ValueError, `name: what is wrong`."""
        if unknown := sorted(set(values) - set(RANGES)):
            raise ValueError(f"{unknown[0]}: unknown parameter; possible: {', '.join(RANGES)}")
        changes: dict[str, Any] = dict(values)
        if "top_k" in changes:
            changes["top_k"] = int(changes["top_k"])
        return dataclasses.replace(self, **changes)

    def subset(self, names: Sequence[str]) -> dict[str, float]:
        return {name: getattr(self, name) for name in names}


class Sampler:
    """Immutable: what can be sampled is the model's, all else comes with the call."""

    def __init__(self, config: T3Config, device: torch.device | None = None) -> None:
        # Quirk: the published heads have rows (specials, padding) that are no codes; upstream may sample them.
        # The speech start is one of them, so that it makes no difference whether a penalty's history holds it: for
        # the Llama models it does, for Turbo and Nano before the first token only.
        self._forbidden = torch.ones(config.speech_vocab, dtype=torch.bool, device=device)
        self._forbidden[: config.codes] = False
        self._forbidden[config.stop_speech] = False

    def sample(self, logits: Tensor, history: Sequence[int], params: SamplingParams, key: tuple[int, int]) -> int:
        """The token after `history` (all of this segment's so far) from logits [V]; `key` is (seed, segment)."""
        return self.sample_rows(logits[None], [history], [params], [key])[0]

    def sample_rows(
        self,
        logits: Tensor,
        histories: Sequence[Sequence[int]],
        params: Sequence[SamplingParams],
        keys: Sequence[tuple[int, int]],
    ) -> list[int]:
        """The same for rows [R, V], each with its own parameters."""
        scores = logits.float().masked_fill(self._forbidden, -torch.inf)
        last = params[0].penalty_last
        if any(p.penalty_last is not last for p in params):
            raise ValueError("rows of one batch come from one model: penalty_last differs")
        if not last:
            scores = _penalise(scores, histories, params)
        scores = scores / _column(scores, [p.temperature or 1.0 for p in params])
        scores = scores.masked_fill_(scores < _least_kept(scores, params), -torch.inf)
        if last:
            scores = _penalise(scores, histories, params)
        scores += torch.stack([_noise(scores, len(h), p, k) for h, p, k in zip(histories, params, keys, strict=True)])
        return scores.argmax(-1).tolist()


def _column(scores: Tensor, values: Sequence[float]) -> Tensor | float:
    """One value a row, as [R, 1]; a plain number where all rows agree."""
    if min(values) == max(values):
        return values[0]
    return scores.new_tensor(values)[:, None]


def _noise(scores: Tensor, index: int, params: SamplingParams, key: tuple[int, int]) -> Tensor:
    """[V] Gumbel noise of this token's address: adding it before argmax samples from the softmax."""
    if params.temperature == 0:
        return scores.new_zeros(scores.shape[1])
    seed, segment = key
    return noise.gumbel(noise.fold(seed, noise.Stream.T3, segment, index), 0, scores.shape[1], scores.device)


def _penalise(scores: Tensor, histories: Sequence[Sequence[int]], params: Sequence[SamplingParams]) -> Tensor:
    """In place, once for every distinct token of the history: positive scores divided, negative ones multiplied."""
    if all(p.repetition_penalty == 1.0 for p in params):
        return scores
    recent = [list(history[-p.penalty_window :]) for history, p in zip(histories, params, strict=True)]
    longest = max(map(len, recent))
    if not longest:
        return scores
    padded = [tokens + (tokens[-1:] or [0]) * (longest - len(tokens)) for tokens in recent]
    seen = torch.tensor(padded, device=scores.device)
    penalty = scores.new_tensor(
        [p.repetition_penalty if tokens else 1.0 for p, tokens in zip(params, recent, strict=True)]
    )
    said = scores.gather(1, seen)
    return scores.scatter_(1, seen, torch.where(said < 0, said * penalty[:, None], said / penalty[:, None]))


def _least_kept(scores: Tensor, params: Sequence[SamplingParams]) -> Tensor:
    """[R, 1] the least score that top-k, min-p and top-p leave, in this order; ties with it stay."""
    n_scores = scores.shape[1]
    counts = [min(p.top_k, n_scores) or n_scores for p in params]
    share = _column(scores, [p.top_p for p in params])
    limits = any(p.top_p < 1 for p in params)
    n_best = max(counts) if limits or min(counts) < n_scores else 1
    best = scores.topk(n_best).values  # descending
    least = best.new_full((len(params), 1), -torch.inf)
    if min(counts) < n_scores:
        least = best.gather(1, torch.tensor(counts, device=scores.device)[:, None] - 1)
    if any(p.min_p > 0 for p in params):  # a probability at least `min_p` times the best one
        ratios = [math.log(p.min_p) if p.min_p > 0 and not p.penalty_last else -math.inf for p in params]
        least = torch.maximum(least, best[:, :1] + _column(scores, ratios))
    if limits:  # the least likely that together hold at most 1 - top_p are out, never the best one
        probability = best.masked_fill(best < least, -torch.inf).softmax(-1)
        kept = (probability.flip(-1).cumsum(-1) > 1 - share).sum(-1, keepdim=True).clamp_(min=1)
        least = torch.maximum(least, best.gather(1, kept - 1))
    return least
