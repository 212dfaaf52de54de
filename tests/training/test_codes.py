"""Rendered utterances of two made-up voices become a data set whose codes mean the same in both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training import codes, features
from training.codes import PHONEMES, SILENCE, TOKEN, Analysed, Coder, Rendered, analysed
from training.dataset import Dataset, balanced
from training.t3_batches import VOCABULARY

SYMBOLS = "həlˈO."


def fake(voice: str, index: int) -> Rendered:
    rng = np.random.default_rng(index)
    n_tokens = 10 + index % 5
    time = np.arange(n_tokens * TOKEN) / features.SAMPLE_RATE
    pitch = (200 if voice == "anna" else 120) + 10 * (index % 3)
    wav = 0.3 * np.sign(np.sin(2 * np.pi * pitch * time)) * rng.uniform(0.5, 1) + rng.normal(0, 0.02, len(time))
    ends = np.linspace(0, len(wav), len(SYMBOLS) + 3)[1:].astype(np.int64)
    pcm = (wav * 20_000).astype(np.int16)
    f0 = np.full(2 * n_tokens, pitch, np.float32)
    return Rendered(f"{voice}-{index}", voice, SYMBOLS, ends, pcm, f0)


@pytest.fixture(scope="module")
def items() -> list[Analysed]:
    prompts = [Rendered(**{**vars(fake(voice, 0)), "id": f"prompt-{voice}"}) for voice in codes.VOICES]
    rest = [fake(voice, index) for voice, count in (("anna", 30), ("karl", 6)) for index in range(1, count)]
    return [analysed(one) for one in prompts + rest]


@pytest.fixture(scope="module")
def coder(items: list[Analysed]) -> Coder:
    coder = Coder.fit([item for item in items if item.rendered.voice == "anna"], codes=32)
    coder.learn([item for item in items if item.rendered.voice == "karl"])
    return coder


def test_what_is_written_is_read_back(items: list[Analysed], coder: Coder, tmp_path: Path) -> None:
    codes.write(tmp_path, items, coder)
    dataset = Dataset(tmp_path)
    assert dataset.voices == ["anna", "karl"]
    assert dataset.prompt("karl").voice == 1
    for item, utterance in zip(items, dataset.utterances, strict=True):
        assert dataset.text(utterance) == SYMBOLS
        assert np.array_equal(dataset.mel(utterance), item.mel.astype(np.float32))
        assert np.array_equal(dataset.tokens(utterance), coder.codes(item))


def test_every_token_says_one_symbol(items: list[Analysed]) -> None:
    align = items[0].align
    assert (np.diff(align) >= 0).all()
    assert align[0] == 0
    assert align[-1] == len(SYMBOLS) - 1, "the silence behind belongs to the last symbol"
    assert items[0].phonemes[0] == items[0].phonemes[-1] == SILENCE
    assert {VOCABULARY[symbol] for symbol in "həlO"} <= set(items[0].phonemes.tolist())


def test_a_code_is_of_one_phoneme(items: list[Analysed], coder: Coder) -> None:
    for item in items:
        own = coder.codebooks[item.rendered.voice][coder.codes(item), -PHONEMES:].argmax(1)
        assert np.array_equal(own, item.phonemes)


def test_a_rare_phoneme_has_codes_as_well() -> None:
    values = np.zeros((5_000, 2 + PHONEMES), np.float32)
    values[:, :2] = np.random.default_rng(0).normal(0, 1, (5_000, 2))
    phonemes = np.where(np.arange(5_000) % 1_000 == 7, 9, 5)
    values[np.arange(5_000), 2 + phonemes] = codes.APART
    first = codes.first_of_each(values)
    assert np.array_equal(phonemes[first], [5] * codes.FEWEST + [9] * codes.FEWEST)
    codebook = features.fit_codebook(values, 16, 0, np.where(phonemes == 9, 1e-9, 1.0), first)
    assert (codebook[:, -PHONEMES:].argmax(1) == 9).sum() == codes.FEWEST


def test_sound_alone_finds_the_code_that_sounds_nearest(items: list[Analysed], coder: Coder) -> None:
    item = items[0]
    heard = coder.codes_of(item.mel.astype(np.float32), item.rendered.f0, item.rendered.voice)
    known = coder.codes(item)
    values = features.code_features(item.mel.astype(np.float32), item.rendered.f0, coder.norms[item.rendered.voice])
    sound = coder.codebooks[item.rendered.voice][:, :-PHONEMES]
    distances = [np.square(values - sound[chosen]).sum(1) for chosen in (heard, known)]
    assert (distances[0] <= distances[1] + 1e-3).all()


def test_a_further_voice_changes_nothing_for_the_first(items: list[Analysed]) -> None:
    own = [item for item in items if item.rendered.voice == "anna"]
    coder = Coder.fit(own, codes=32)
    before = [coder.codes(item) for item in own]
    coder.learn([item for item in items if item.rendered.voice == "karl"])
    assert all(np.array_equal(old, coder.codes(item)) for old, item in zip(before, own, strict=True))


def test_centres_move_to_their_values_and_unused_ones_stay() -> None:
    codebook = np.array([[0.0, 0.0], [10.0, 10.0]], np.float32)
    moved = codes.adapted(codebook, np.full((96, 2), 1.0, np.float32))
    assert np.allclose(moved[0], 0.96)
    assert np.array_equal(moved[1], codebook[1])


def test_the_rarer_voice_is_repeated(items: list[Analysed], coder: Coder, tmp_path: Path) -> None:
    codes.write(tmp_path, items, coder)
    utterances = Dataset(tmp_path).utterances
    repeated = balanced(utterances)
    assert sum(u.voice == 0 for u in repeated) == 30
    assert sum(u.voice == 1 for u in repeated) > 6
