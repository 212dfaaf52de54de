"""What is carried to a lent GPU: codes and weights, no speech; and speech said again is as long as its codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training import card
from training.codes import TOKEN, Coder, Rendered, analysed, write
from training.dataset import Dataset
from training.flow_critic import NAME

SYMBOLS = "həlˈO."


def rendered(number: int, n_tokens: int = 12) -> Rendered:
    wav = np.random.default_rng(number).normal(0, 3_000, n_tokens * TOKEN).astype(np.int16)
    ends = np.linspace(0, len(wav), len(SYMBOLS) + 3)[1:].astype(np.int64)
    name = f"anna-{number}" if number else "prompt-anna"
    return Rendered(name, "anna", SYMBOLS, ends, wav, np.full(2 * n_tokens, 200.0, np.float32))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    items = [analysed(rendered(number)) for number in range(6)]
    write(work / "dataset", items, Coder.fit(items, codes=32))
    for path, state in ((f"flow/{NAME}", {"average": {"a": torch.ones(3)}}), ("pulse", {"mean": {"b": torch.ones(2)}})):
        (work / path).mkdir(parents=True)
        torch.save(state | {"optimiser": torch.zeros(1_000)}, work / path / "checkpoint.pt")
    return work


def test_codes_and_weights_are_packed_and_nothing_else(work: Path, tmp_path: Path) -> None:
    card.pack(work, tmp_path / "card", utterances=4)
    before, packed = Dataset(work / "dataset"), Dataset(tmp_path / "card" / "dataset")
    assert packed.utterances == before.utterances[:4]
    assert all(np.array_equal(packed.tokens(one), before.tokens(one)) for one in packed.utterances)
    flow, pulse = (torch.load(tmp_path / f"card/{name}/checkpoint.pt", weights_only=True) for name in ("flow", "pulse"))
    assert set(flow) == {"average"}, "the critic's trainer begins from it"
    assert set(pulse) == {"mean", "stage"}, "any stage begins from it"
    assert not list((tmp_path / "card").rglob("mel*"))


@pytest.mark.parametrize("n_tokens", [11, 12, 13])
def test_speech_said_again_is_as_long_as_its_codes(n_tokens: int) -> None:
    first = rendered(1)
    again = card.as_long(first, n_tokens)
    assert len(again.wav) == n_tokens * TOKEN
    assert len(again.f0) == 2 * n_tokens
    common = min(len(first.wav), len(again.wav))
    assert np.array_equal(again.wav[:common], first.wav[:common])
    assert analysed(again).mel.shape == (2 * n_tokens, 80)
