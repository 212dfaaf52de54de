"""T3's trainer on a data set of a few made-up utterances: layout of a batch, guided attention, resuming, export."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from engine.checkpoints.config import build
from engine.networks.t3.t3 import T3, T3Config
from engine.text.tokenizer import TextTokenizer
from training import t3 as trainer
from training.dataset import Dataset
from training.muon import orthogonalise
from training.t3_batches import START_TEXT, STOP_TEXT, VOCABULARY, Corpus, speaker_vectors
from training.t3_export import export
from training.tokenizer import symbol_tokenizer

TEXTS = ["jˈɛs.", "nˈO.", "ˈɔl ɪz wˈɛl, ɪz ɪt?", "wi mˈɛt æt nˈun.", "ɡO!", "hˌu sˈɛd ðˈæt?"]
CONFIG: dict[str, Any] = {
    "backbone": {
        "kind": "llama", "width": 16, "layers": 5, "heads": 2, "head_width": 8, "ffn_width": 24, "max_positions": 96,
        "rope_theta": 10000.0,
    },
    "text_vocab": 55, "speech_vocab": 34, "codes": 32, "start_speech": 32, "stop_speech": 33,
    "start_text": START_TEXT, "stop_text": STOP_TEXT, "speaker_width": 4, "max_text": 32, "max_speech": 48,
}  # fmt: skip


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    folder.mkdir()
    tokens: list[npt.NDArray[np.int16]] = []
    align: list[npt.NDArray[np.int16]] = []
    lines: list[str] = []
    for index, text in enumerate(2 * TEXTS):
        n_tokens = 2 * len(text)
        entry = {"id": str(index), "voice": index % 2, "text": text, "split": "valid" if index < 3 else "train"}
        entry |= {"n_tokens": n_tokens, "frame_start": 0, "token_start": len(np.concatenate([*tokens, []]))}
        lines.append(json.dumps(entry))
        tokens.append(np.arange(n_tokens, dtype=np.int16) % 32)
        align.append(np.arange(n_tokens, dtype=np.int16) // 2)
    (folder / "meta.jsonl").write_text("\n".join(lines))
    (folder / "stats.json").write_text('{"voices": [{"name": "one"}, {"name": "two"}]}')
    (folder / "prompts.json").write_text("{}")
    np.save(folder / "tokens.i16.npy", np.concatenate(tokens))
    np.save(folder / "align.i16.npy", np.concatenate(align))
    np.save(folder / "codebook.f32.npy", np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32))
    for name in ("mel.f16", "f0.f32"):
        np.save(folder / f"{name}.npy", np.zeros(1, np.float32))
    (tmp_path / "t3.json").write_text(json.dumps(CONFIG))
    return tmp_path


def arguments(work: Path, steps: int) -> argparse.Namespace:
    values = {
        "work": work,
        "config": work / "t3.json",
        "name": "",
        "minutes": 1.0,
        "positions": 128,
        "seed": 1,
        "device": "cpu",
        "also": [],
    }
    return argparse.Namespace(**values, steps=steps, compile=False)


def corpus(work: Path) -> Corpus:
    dataset = Dataset(work / "dataset")
    return Corpus(dataset, dataset.split("train"), build(T3Config, CONFIG, "t3"))


def test_a_row_is_speaker_text_start_speech_and_targets_are_one_ahead(work: Path) -> None:
    data = corpus(work)
    batch = data.batch(np.array([1, 0]))  # "ɡO!" and a longer one
    text, codes = TEXTS[4], list(range(6))
    start = 1 + len(text) + 2
    ids = batch.ids[0].tolist()
    assert ids[: start - 1] == [START_TEXT, *(VOCABULARY[c] for c in text), STOP_TEXT]
    assert ids[start - 1 : start + 6] == [55 + 32, *(55 + code for code in codes)]
    assert batch.target[0, start : start + 7].tolist() == [*codes, 33]
    assert batch.target[0, :start].max() == batch.target[0, start + 7 :].max() == -100
    assert batch.focus[0, start : start + 7].tolist() == [2, 2, 3, 3, 4, 4, 5]  # symbols, then [STOP]
    assert batch.text_end[0] == start


def test_the_trainers_vocabulary_is_the_served_tokenizers(tmp_path: Path) -> None:
    symbol_tokenizer().save(str(tmp_path / "tokenizer.json"))
    tokenizer = TextTokenizer(tmp_path / "tokenizer.json")
    assert tokenizer.encode("".join(VOCABULARY)) == list(VOCABULARY.values())
    assert (tokenizer.id_of("[START]"), tokenizer.id_of("[STOP]")) == (START_TEXT, STOP_TEXT)


def test_an_epoch_holds_every_utterance_and_is_the_same_again(work: Path) -> None:
    data = corpus(work)
    first, again = (list(data.epoch(128, np.random.default_rng(0))) for _ in range(2))
    assert sum(len(batch.voice) for batch in first) >= len(data)
    assert all(batch.ids.numel() <= 128 for batch in first)
    assert all(torch.equal(one.ids, two.ids) for one, two in zip(first, again, strict=True))


def test_the_batch_rows_are_what_t3_itself_would_read(work: Path) -> None:
    """The joint tables of the trainer and the module's own embeddings give the same logits."""
    dataset, data = Dataset(work / "dataset"), corpus(work)
    model = trainer.Trainer(data.config, 2, compiled=False)
    model.initialise(torch.from_numpy(dataset.codebook()))
    batch = data.batch(np.array([0]))
    loss, _, _ = model(batch)
    t3: T3 = model.t3
    spoken = batch.target[0] >= 0
    n_text = int(batch.text_end[0]) - 1
    codes = batch.target[:, spoken][:, :-1]
    x = torch.cat(
        [
            t3.cond_enc(model.speakers[batch.voice], None),
            t3.embed_text(batch.ids[:, :n_text]),
            t3.embed_start(1),
            t3.embed_speech(codes, 1),
        ],
        1,
    )
    logits = t3.speech_head(t3.tfmr(x)[0, n_text + 1 :])
    assert_close(loss, torch.nn.functional.cross_entropy(logits, batch.target[0][spoken]))


def test_guided_attention_is_zero_only_at_the_spoken_character() -> None:
    focus, end = torch.tensor([[0, 0, 0, 0, 1, 2]]), torch.tensor([4])
    future = torch.full((6, 6), trainer.MASKED).triu(1)
    right = torch.zeros(1, 6, 6)
    right[0, 4, 1] = right[0, 5, 2] = 50.0
    wrong = torch.zeros(1, 6, 6)
    wrong[0, 4:, 4] = 50.0
    assert trainer._guide(right, future, focus, end) < 1e-4
    assert trainer._guide(wrong, future, focus, end) > 10


def test_orthogonalised_updates_have_singular_values_near_one() -> None:
    update = orthogonalise(torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(0)))
    values = torch.linalg.svdvals(update.float())
    assert 0.5 < values.min() <= values.max() < 1.4


def test_voices_are_told_apart_by_fixed_unit_vectors() -> None:
    one, two = speaker_vectors(2, 16)
    assert_close(one.norm(), torch.tensor(1.0))
    assert one @ two < 0.5
    assert torch.equal(one, speaker_vectors(3, 16)[0])


def test_a_killed_run_goes_on_where_its_checkpoint_was(work: Path) -> None:
    trainer.Training(arguments(work, steps=4))()
    first = torch.load(work / "t3" / "checkpoint.pt", weights_only=True)
    assert first["run"]["step"] == 4
    resumed = trainer.Training(arguments(work, steps=6))
    assert_close(resumed.model.t3.state_dict(), first["t3"])
    resumed()
    assert torch.load(work / "t3" / "checkpoint.pt", weights_only=True)["run"]["step"] == 6


def test_export_writes_small_weights_that_load_strictly(work: Path) -> None:
    trainer.Training(arguments(work, steps=2))()
    heads = [(layer, 0) for layer in (1, 2, 3)]
    found = export(work / "t3" / "checkpoint.pt", work / "t3.json", work / "assets", Dataset(work / "dataset"), heads)
    assert "texts: stopped" in found
    config = build(T3Config, json.loads((work / "t3.json").read_text()), "t3")
    assert len(config.aligned_heads) == 2
    weights = load_file(work / "assets" / "t3.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16, torch.float8_e4m3fn}
    T3(config).load_state_dict(weights, strict=True)
