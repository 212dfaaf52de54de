"""The flow's training batches: rows as they are served, on a fake data set of random tokens."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import cast

import numpy as np
import pytest
import torch

from engine.networks.flow.flow import FlowConfig
from tests.engine.networks.flow.tiny_flow import BINS, PLAIN, RATIO, VOCAB
from training.dataset import Dataset, Floats, Ints, Utterance
from training.flow import Trainer
from training.flow_batches import UNKNOWN, Batch, Corpus
from training.t3_batches import VOCABULARY

CONFIG: FlowConfig = replace(PLAIN, history_tokens=20)
LENGTHS = (20, 30, 45, 70, 90, 160, 25, 33)


class FakeDataset:
    voices = ("karl", "anna")

    def __init__(self) -> None:
        self.utterances = [
            Utterance(
                id=str(index),
                voice=index % 2,
                text="tk",
                split="train",
                n_tokens=length,
                frame_start=0,
                token_start=0,
            )
            for index, length in enumerate(LENGTHS)
        ]

    def prompt(self, voice: str) -> Utterance:
        return self.utterances[self.voices.index(voice)]

    def tokens(self, utterance: Utterance) -> Ints:
        return np.random.default_rng(int(utterance.id)).integers(VOCAB, size=utterance.n_tokens)

    def mel(self, utterance: Utterance) -> Floats:
        return np.random.default_rng(int(utterance.id)).normal(size=(utterance.n_frames, BINS)).astype(np.float32)

    def align(self, utterance: Utterance) -> Ints:
        return (np.arange(utterance.n_tokens) >= utterance.n_tokens // 2).astype(np.int64)

    def codebook(self) -> Floats:
        return np.random.default_rng(0).normal(size=(VOCAB, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    fake = FakeDataset()
    return Corpus(cast(Dataset, fake), fake.utterances, CONFIG)


def _batches(corpus: Corpus, count: int, skip: int = 0) -> list[Batch]:
    return list(islice(corpus.epochs(120, seed=1, skip=skip), count))


def test_a_resumed_run_goes_on_with_the_same_batches(corpus: Corpus) -> None:
    for a, b in zip(_batches(corpus, 6)[4:], _batches(corpus, 2, skip=4), strict=True):
        assert torch.equal(a.tokens, b.tokens)
        assert torch.equal(a.plan.end, b.plan.end)


def test_only_the_prompt_is_known_and_the_padding_weighs_nothing(corpus: Corpus) -> None:
    for batch in _batches(corpus, 12):
        in_prompt = batch.known_mask.bool()
        assert torch.equal(batch.known, torch.where(in_prompt, batch.mel, torch.zeros(())))
        padding = (batch.mel == 0).all(2, keepdim=True)
        assert not (padding & (batch.weight > 0)).any()
        assert ((batch.weight < 1) | ~in_prompt).all()


def test_the_target_says_its_phonemes_and_the_rest_none(corpus: Corpus) -> None:
    for batch in _batches(corpus, 12):
        target = batch.weight[:, ::RATIO, 0] == 1.0
        assert torch.equal(batch.said != UNKNOWN, target)
        assert set(batch.said[target].tolist()) <= {VOCABULARY["t"], VOCABULARY["k"]}
        assert (batch.said[target].diff() != 0).sum() < 3 * len(batch.said)  # in the order of the text


def test_every_token_sees_its_window_and_at_most_the_lookahead(corpus: Corpus) -> None:
    for batch in _batches(corpus, 12):
        position = torch.arange(batch.tokens.shape[1])
        target = (batch.weight[:, ::RATIO, 0] == 1.0) & (position >= batch.plan.prompt[:, None])
        assert (batch.plan.end > position)[target].all()
        ahead = (batch.plan.limit - batch.plan.end)[target]
        assert ahead.min() >= 0
        assert ahead.max() <= CONFIG.encoder.lookahead


def test_every_parameter_learns(corpus: Corpus) -> None:
    torch.manual_seed(0)
    trainer, batch = Trainer(CONFIG, 2), _batches(corpus, 1)[0]
    for parameter in trainer.flow.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    l1, velocity = trainer(batch, torch.randn(batch.mel.shape), torch.rand(batch.mel.shape[0]))
    (l1 + velocity).backward()
    silent = [name for name, p in trainer.flow.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
