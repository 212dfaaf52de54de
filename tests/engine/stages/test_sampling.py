"""Sampling against a slow, plain reference; addressed noise; parameters and their ranges."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from engine.networks import noise
from engine.networks.t3.backbone import BackboneConfig
from engine.networks.t3.t3 import T3Config
from engine.sampling_params import SamplingParams
from engine.stages.sampling import Sampler

CODES, STOP, VOCAB = 12, 13, 16
CONFIG = T3Config(
    backbone=BackboneConfig(kind="llama", width=8, layers=1, heads=1, head_width=8, ffn_width=8, max_positions=8),
    text_vocab=4,
    speech_vocab=VOCAB,
    codes=CODES,
    start_speech=12,
    stop_speech=STOP,
    start_text=None,
    stop_text=None,
    speaker_width=2,
    max_text=4,
    max_speech=4,
)
SAMPLER = Sampler(CONFIG)


def penalise(scores: list[float], history: list[int], penalty: float, window: int) -> list[float]:
    for token in set(history[-window:] if window else history):
        scores[token] = scores[token] * penalty if scores[token] < 0 else scores[token] / penalty
    return scores


def softmax(scores: list[float]) -> list[float]:
    weights = [math.exp(score - max(scores)) if score > -math.inf else 0.0 for score in scores]
    return [weight / sum(weights) for weight in weights]


def truncate(scores: list[float], params: SamplingParams) -> list[float]:
    out = -math.inf
    if params.top_k:
        worst = sorted(scores, reverse=True)[min(params.top_k, len(scores)) - 1]
        scores = [score if score >= worst else out for score in scores]
    if params.min_p:
        probabilities = softmax(scores)
        floor = params.min_p * max(probabilities)
        scores = [s if p >= floor else out for s, p in zip(scores, probabilities, strict=True)]
    if params.top_p < 1:
        probabilities = softmax(scores)
        held, kept = 0.0, set()
        for index in sorted(range(len(scores)), key=lambda i: -scores[i]):
            if held < params.top_p:  # the set that first reaches top_p includes the token that reaches it
                kept.add(index)
            held += probabilities[index]
        scores = [score if index in kept else out for index, score in enumerate(scores)]
    return scores


def reference(logits: list[float], history: list[int], params: SamplingParams, seed: int, segment: int) -> int:
    """One list and one loop at a time."""
    scores = [s if i < CODES or i == STOP else -math.inf for i, s in enumerate(logits)]
    if not params.penalty_last:
        scores = penalise(scores, history, params.repetition_penalty, params.penalty_window)
    scores = [score / (params.temperature or 1.0) for score in scores]
    scores = truncate(scores, params)
    if params.penalty_last:
        scores = penalise(scores, history, params.repetition_penalty, params.penalty_window)
    if params.temperature:
        gumbel = noise.gumbel(noise.fold(seed, noise.Stream.T3, segment, len(history)), 0, VOCAB).tolist()
        scores = [score + g for score, g in zip(scores, gumbel, strict=True)]
    return max(range(VOCAB), key=lambda i: scores[i])


PARAMS = [
    SamplingParams(temperature=0.8, min_p=0.05, repetition_penalty=1.2),
    SamplingParams(temperature=0.8, min_p=0.2, top_p=0.7, repetition_penalty=2.0),
    SamplingParams(temperature=0.8, top_k=5, top_p=0.95, repetition_penalty=1.2, penalty_last=True),
    SamplingParams(temperature=1.3, top_k=3, repetition_penalty=1.5, penalty_last=True, penalty_window=2),
    SamplingParams(temperature=0.6, top_k=20),
    SamplingParams(temperature=0.0, repetition_penalty=1.3, penalty_window=3),
]


@pytest.mark.parametrize("params", PARAMS)
def test_filters_and_their_order_equal_the_plain_reference(params: SamplingParams) -> None:
    generator = torch.Generator().manual_seed(0)
    for trial in range(60):
        logits = 3 * torch.randn(VOCAB, generator=generator)
        history = torch.randint(CODES, (trial % 7,), generator=generator).tolist()
        expected = reference(logits.tolist(), history, params, seed=5, segment=trial)
        assert SAMPLER.sample(logits, history, params, (5, trial)) == expected


@pytest.mark.parametrize("penalty_last", [False, True])
def test_a_row_is_sampled_as_if_it_were_alone(penalty_last: bool) -> None:
    rows = [params for params in PARAMS if params.penalty_last is penalty_last]
    logits = torch.randn(len(rows), VOCAB, generator=torch.Generator().manual_seed(1))
    histories = [list(range(n)) for n in range(len(rows))]
    keys = [(seed, 3) for seed in range(len(rows))]
    alone = [SAMPLER.sample(*row) for row in zip(logits, histories, rows, keys, strict=True)]
    assert SAMPLER.sample_rows(logits, histories, rows, keys) == alone


def test_only_codes_and_the_stop_token_are_ever_chosen() -> None:
    logits = torch.zeros(VOCAB)
    logits[[12, 14, 15]] = 50.0
    drawn = {SAMPLER.sample(logits, [], SamplingParams(temperature=2.0), (seed, 0)) for seed in range(300)}
    assert drawn == {*range(CODES), STOP}


@pytest.mark.parametrize("params", [p for p in PARAMS if p.repetition_penalty != 1.0])
def test_a_speech_start_in_the_penaltys_history_changes_nothing(params: SamplingParams) -> None:
    """Upstream, the history of the Llama models begins with the start token, that of Turbo and Nano holds it before the
    first token only. It can never be sampled here, so one history serves all."""
    greedy = dataclasses.replace(params, temperature=0.0, penalty_window=0)
    generator = torch.Generator().manual_seed(2)
    for trial in range(40):
        logits = 3 * torch.randn(VOCAB, generator=generator)
        history = torch.randint(CODES, (trial % 5,), generator=generator).tolist()
        with_start = SAMPLER.sample(logits, [CONFIG.start_speech, *history], greedy, (0, 0))
        assert with_start == SAMPLER.sample(logits, history, greedy, (0, 0))


def test_temperature_zero_takes_the_likeliest_of_what_the_penalty_leaves() -> None:
    logits = torch.zeros(VOCAB)
    logits[3], logits[4] = 5.0, 4.8
    greedy = SamplingParams(temperature=0.0, repetition_penalty=1.2, top_k=2, penalty_last=True)
    assert {SAMPLER.sample(logits, [], greedy, (seed, 0)) for seed in range(20)} == {3}
    assert {SAMPLER.sample(logits, [3], greedy, (seed, 0)) for seed in range(20)} == {4}


def test_a_penalty_after_truncation_leaves_what_is_out_out() -> None:
    """Truncated first, then penalised: a token outside the best two stays out, however much these are penalised."""
    logits = torch.zeros(VOCAB)
    logits[3], logits[4], logits[5] = 5.0, 4.9, 4.8
    params = SamplingParams(temperature=1.0, repetition_penalty=5.0, top_k=2)
    last = dataclasses.replace(params, penalty_last=True)
    drawn = [{SAMPLER.sample(logits, [3, 4], p, (seed, 0)) for seed in range(100)} for p in (params, last)]
    assert 5 in drawn[0]
    assert drawn[1] == {3, 4}


def test_the_logits_given_are_left_as_they_are() -> None:
    """Scores are changed in place, in a copy."""
    logits = torch.randn(VOCAB, generator=torch.Generator().manual_seed(3))
    before = logits.clone()
    for params in PARAMS:
        SAMPLER.sample(logits, [1, 2, 2], params, (0, 0))
    assert torch.equal(logits, before)


def test_noise_belongs_to_seed_segment_and_index() -> None:
    logits, params = torch.zeros(VOCAB), SamplingParams(temperature=1.0)
    sequence = [SAMPLER.sample(logits, [0] * index, params, (7, 2)) for index in range(20)]
    backwards = [SAMPLER.sample(logits, [1] * index, params, (7, 2)) for index in reversed(range(20))]
    assert backwards[::-1] == sequence
    assert [SAMPLER.sample(logits, [0] * index, params, (7, 3)) for index in range(20)] != sequence
    assert [SAMPLER.sample(logits, [0] * index, params, (8, 2)) for index in range(20)] != sequence


def test_frequencies_follow_the_softmax() -> None:
    logits = torch.full((VOCAB,), -torch.inf)
    logits[:3] = torch.tensor([0.1, 0.3, 0.6]).log()
    drawn = [SAMPLER.sample(logits, [0] * index, SamplingParams(temperature=1.0), (0, 0)) for index in range(3000)]
    for token, share in enumerate((0.1, 0.3, 0.6)):
        assert abs(drawn.count(token) / len(drawn) - share) < 0.03


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("top_p", 0.0),
        ("min_p", 1.5),
        ("top_k", -1),
        ("repetition_penalty", 0.0),
        ("cfg_weight", math.inf),
    ],
)
def test_values_out_of_range_name_field_value_and_range(name: str, value: float) -> None:
    changed: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=rf"^{name}: .*possible: "):
        SamplingParams(**changed)


def test_a_request_overrides_the_defaults_by_the_wires_names_only() -> None:
    defaults = SamplingParams(temperature=0.6, penalty_window=4)
    assert defaults.override({"top_k": 20.0}) == SamplingParams(temperature=0.6, top_k=20, penalty_window=4)
    with pytest.raises(ValueError, match=r"^penalty_window: unknown parameter; possible: temperature"):
        defaults.override({"penalty_window": 1})
    with pytest.raises(ValueError, match=r"^temperature: 9 is out of range"):
        defaults.override({"temperature": 9.0})
    assert defaults.subset(["temperature", "top_p"]) == {"temperature": 0.6, "top_p": 1.0}
