"""The choice that is captured is the ordinary one, whatever the rows were told, wherever they sit and move to."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
import torch

from engine.checkpoints.config import build
from engine.device.graphs import Capture, row_buckets
from engine.device.traces import TraceCapture
from engine.model import ModelConfig
from engine.sampling_params import SamplingParams
from engine.stages import sampling_graphs
from engine.stages.sampling import Sampler
from engine.stages.sampling_graphs import SlotSampler
from tests.engine.recording import Counting, record
from tests.engine.tiny import CONFIG

SLOTS = 6
PLAIN = build(ModelConfig, CONFIG, "tiny")
PARAMS = (
    SamplingParams(temperature=0.8, min_p=0.05, repetition_penalty=1.2, cfg_weight=0.7),
    SamplingParams(temperature=0.8, min_p=0.2, top_p=0.7, repetition_penalty=2.0, cfg_weight=0.3),
    SamplingParams(temperature=1.2),
    SamplingParams(temperature=0.0, repetition_penalty=1.3),
    SamplingParams(temperature=0.9, top_k=5, top_p=0.9, repetition_penalty=1.4),
)


@dataclass(eq=False)
class Row:
    params: SamplingParams
    key: tuple[int, int]
    slots: list[int]
    tokens: list[int] = field(default_factory=list)


class Rows:
    """Rows that take the first slots, leave, and move as in the token stage."""

    def __init__(self, rng: random.Random, config: ModelConfig) -> None:
        self.rng, self.guidance = rng, config.t3.guidance
        self.penalty_last, self.window = config.sampling.penalty_last, config.sampling.penalty_window
        self.owners: list[Row] = []

    def join(self) -> None:
        params = replace(self.rng.choice(PARAMS), penalty_last=self.penalty_last, penalty_window=self.window)
        first, count = len(self.owners), self.rng.choice((1, 2)) if self.guidance else 1
        row = Row(params, (self.rng.getrandbits(64), self.rng.randrange(3)), [first + part for part in range(count)])
        self.owners += [row] * count

    def leave(self, row: Row) -> None:
        for slot in sorted(row.slots, reverse=True):
            last = len(self.owners) - 1
            owner = self.owners.pop()
            if slot != last:
                self.owners[slot] = owner
                owner.slots[owner.slots.index(last)] = slot

    def all(self) -> list[Row]:
        return list(dict.fromkeys(self.owners))


@pytest.mark.parametrize("bounds", [(8,), (6, 12), (1024,)])
@pytest.mark.parametrize("penalty_last", [False, True])
@pytest.mark.parametrize("window", [0, 3])
@pytest.mark.parametrize("capture", [record, TraceCapture()], ids=["recorded", "traced"])
def test_captured_choices_are_the_ordinary_ones(
    bounds: tuple[int, ...], penalty_last: bool, window: int, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among all tokens, or among the likeliest where that is enough."""
    monkeypatch.setattr(sampling_graphs, "BOUNDS", bounds)
    sampling = replace(PLAIN.sampling, penalty_last=penalty_last, penalty_window=window)
    config = replace(PLAIN, t3=replace(PLAIN.t3, guidance=not penalty_last), sampling=sampling)  # as published
    sampler, rng = Sampler(config.t3), random.Random(5)
    graphs, rows = SlotSampler(sampler, config, SLOTS, capture), Rows(rng, config)
    generator = torch.Generator().manual_seed(1)
    longest = 0
    for _ in range(300):
        if len(rows.owners) < SLOTS - 1 and (not rows.owners or rng.random() < 0.2):
            rows.join()
        drawing = [row for row in rows.all() if rng.random() < 0.8]
        logits = 3 * torch.randn(len(rows.owners), config.t3.speech_vocab, generator=generator)
        if not drawing:
            continue
        tokens = graphs.draw(logits, drawing)
        assert tokens == sampler.draw(logits, drawing)
        for row, token in zip(drawing, tokens, strict=True):
            if rng.random() < 0.05:  # it says another one
                token = rng.randrange(config.t3.codes)
                graphs.forget(row)
            row.tokens.append(token)
            if len(row.tokens) == config.text.max_tokens or rng.random() < 0.03:
                rows.leave(row)
        longest = max(longest, *(len(row.tokens) for row in drawing))
    assert longest > 30


@pytest.mark.parametrize("wanted", PARAMS)
@pytest.mark.parametrize("usual", PARAMS)
def test_a_choice_with_a_step_is_the_ordinary_one(
    usual: SamplingParams, wanted: SamplingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever graphs the model's own parameters gave. A row that wanted no top-k was given the likeliest 1,024 only,
    where these have one."""
    monkeypatch.setattr(sampling_graphs, "BOUNDS", (5,))
    config = replace(PLAIN, sampling=usual)
    sampler, generator = Sampler(config.t3), torch.Generator().manual_seed(1)
    graphs = SlotSampler(sampler, config, SLOTS, record)
    rows = [Row(wanted, (3, 1), [0]), Row(wanted, (4, 1), [1])]
    for _ in range(30):
        logits = 0.2 * torch.randn(len(rows), config.t3.speech_vocab, generator=generator)
        depth = graphs.tell_of_step(rows, dict(enumerate(logits)))
        graphs.choose_after_step(depth, torch.zeros(SLOTS, config.t3.speech_vocab), *graphs.memory)
        tokens = graphs.chosen(rows)
        assert tokens == sampler.draw(logits, rows)
        for row, token in zip(rows, tokens, strict=True):
            row.tokens.append(token)


def test_a_captured_choice_asks_no_tensor_for_its_values() -> None:
    counting = Counting()
    SlotSampler(Sampler(PLAIN.t3, torch.device("meta")), PLAIN, SLOTS, counting)
    assert len(counting.seen) == 3 * len(row_buckets(SLOTS))  # among 1 and all, 32, and all in order
