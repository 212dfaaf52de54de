"""Alignment and the data set's files, with made-up audio in the teacher's place: needs no espeak-ng."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training import features, render
from training.dataset import Dataset
from training.espeak import Word
from training.render import TOKEN, Rendered

TEXTS = [render.PROMPT, render.PROMPT, *(f"text {'abcdefgh'[n]}." for n in range(8))]


def fake(index: int) -> Rendered:
    rng = np.random.default_rng(index)
    n_tokens = 10 + index
    time = np.arange(n_tokens * TOKEN) / features.SAMPLE_RATE
    wav = (0.3 * np.sign(np.sin(2 * np.pi * (100 + 10 * index) * time)) * rng.uniform(0.5, 1)).astype(np.float32)
    wav += rng.normal(0, 0.02, len(wav)).astype(np.float32)
    text = TEXTS[index]
    align = (np.arange(n_tokens) * len(text) // n_tokens).astype(np.int16)
    pcm = (wav * 32767).astype(np.int16)
    mel = features.mel_spectrogram(wav).astype(np.float16)
    return Rendered(text, index % 2, pcm, mel, features.fundamental(wav), align)


@pytest.fixture
def items(monkeypatch: pytest.MonkeyPatch) -> list[Rendered]:
    monkeypatch.setattr(render, "CODES", 16)
    monkeypatch.setattr(render, "VALID_EVERY", 5)
    return [fake(index) for index in range(len(TEXTS))]


def test_what_is_written_is_read_back(items: list[Rendered], tmp_path: Path) -> None:
    render.write(tmp_path, items, with_wav=4, seed=0)
    dataset = Dataset(tmp_path)
    assert (tmp_path / "READY").exists()
    assert dataset.voices == ["karl", "anna"]
    for item, utterance in zip(items, dataset.utterances, strict=True):
        assert (dataset.text(utterance), dataset.voice(utterance)) == (item.text, item.voice)
        assert np.array_equal(dataset.mel(utterance), item.mel.astype(np.float32))
        assert np.array_equal(dataset.f0(utterance), item.f0)
        assert np.array_equal(dataset.align(utterance), item.align)
        assert dataset.tokens(utterance).shape == (utterance.n_tokens,)
        assert utterance.n_frames == 2 * utterance.n_tokens
    for item, utterance in zip(items[:4], dataset.utterances, strict=False):
        assert np.array_equal(dataset.wav(utterance) * 32768.0, item.wav)
    assert not dataset.utterances[4].has_wav
    with pytest.raises(ValueError, match="without its waveform"):
        dataset.wav(dataset.utterances[4])


def test_splits_and_prompts(items: list[Rendered], tmp_path: Path) -> None:
    render.write(tmp_path, items, with_wav=6, seed=0)
    dataset = Dataset(tmp_path)
    train, valid = dataset.split("train"), dataset.split("valid")
    assert len(train) + len(valid) == len(items)
    assert not {u.text for u in train} & {u.text for u in valid}
    assert [u.has_wav for u in dataset.split("valid", wav=True)] == [True]
    assert [dataset.prompt(voice).voice for voice in dataset.voices] == [0, 1]


def test_tokens_come_from_the_codebook(items: list[Rendered], tmp_path: Path) -> None:
    render.write(tmp_path, items, with_wav=0, seed=0)
    dataset = Dataset(tmp_path)
    norms = render.normalisations(items)
    expected = features.code_features(dataset.mel(dataset.utterances[3]), items[3].f0, norms[1])
    assert np.array_equal(dataset.tokens(dataset.utterances[3]), features.nearest(expected, dataset.codebook()))


def test_alignment_is_linear_in_words_and_waits_at_punctuation() -> None:
    text = "abcd, ef."
    wav = np.zeros(20 * TOKEN, np.float32)
    wav[: 8 * TOKEN] = 0.1  # abcd
    wav[12 * TOKEN : 16 * TOKEN] = 0.1  # ef, after a pause of four tokens
    align = render.alignment(text, [Word(0, 0), Word(12 * TOKEN, 6)], wav)
    assert list(align) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 6, 6, 7, 7, 8, 8, 8, 8]


def test_alignment_never_falls_and_stays_in_the_text() -> None:
    rng = np.random.default_rng(0)
    text = "one two, three four. five"
    starts = np.sort(rng.integers(0, 40 * TOKEN, 5))
    words = [
        Word(int(s), text.index(w)) for s, w in zip(starts, text.replace(",", "").replace(".", "").split(), strict=True)
    ]
    align = render.alignment(text, words, rng.normal(0, 0.1, 50 * TOKEN).astype(np.float32))
    assert (np.diff(align) >= 0).all()
    assert align.min() >= 0
    assert align.max() < len(text)
