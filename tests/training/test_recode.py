"""Networks go on with other codes from where they were with the old ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from training.dataset import Dataset
from training.recode import Pairs, recode
from training.storing import TABLES, stored

OLD, NEW = [0, 0, 1, 2, 2, 1], [3, 3, 0, 1, 1, 1]


def written(folder: Path, tokens: list[int], codes: int) -> Dataset:
    folder.mkdir()
    frames = 2 * len(tokens)
    arrays: dict[str, npt.NDArray[Any]] = {
        "mel.f16": np.zeros((frames, 80), np.float16),
        "f0.f32": np.zeros(frames, np.float32),
        "tokens.i16": np.array(tokens, np.int16),
        "align.i16": np.zeros(len(tokens), np.int16),
        "codebook.f32": np.zeros((codes, 4), np.float32),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    one = {"id": "a", "voice": 0, "text": "a", "split": "train", "n_tokens": len(tokens)}
    (folder / "meta.jsonl").write_text(json.dumps(one | {"frame_start": 0, "token_start": 0}) + "\n")
    (folder / "stats.json").write_text("{}")
    (folder / "prompts.json").write_text("{}")
    return Dataset(folder)


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    return Pairs(written(tmp_path / "old", OLD, 3), written(tmp_path / "new", NEW, 5))


def test_a_code_starts_as_the_mean_of_those_it_replaces(pairs: Pairs) -> None:
    table = torch.tensor([[0.0, 10.0], [3.0, 0.0], [6.0, 0.0], [-1.0, -2.0]])  # and one that is no code
    carried = pairs.carried(table)
    assert carried.shape == (6, 2)
    assert torch.allclose(carried[3], table[0], atol=1.0)
    assert torch.allclose(carried[0], table[1], atol=1.0)
    assert torch.allclose(carried[1], (2 * table[2] + table[1]) / 3, atol=1.0)
    assert torch.allclose(carried[2], table[:3][OLD].mean(0), atol=1.0), "that no token has"
    assert torch.equal(carried[5], table[3])


def test_only_the_tables_of_codes_change(pairs: Pairs, tmp_path: Path) -> None:
    weights = {"input_embedding.weight": torch.randn(3, 2), "other": torch.randn(4)}
    torch.save({"average": weights, "run": {"step": 9}}, tmp_path / "old.pt")
    recode(tmp_path / "old.pt", tmp_path / "new.pt", "flow", ("input_embedding.weight",), pairs)
    state = torch.load(tmp_path / "new.pt", weights_only=True)
    assert set(state) == {"flow", "average"}
    assert state["flow"]["input_embedding.weight"].shape == (5, 2)
    assert torch.equal(state["flow"]["other"], weights["other"])


def test_other_utterances_are_refused(tmp_path: Path) -> None:
    old, new = written(tmp_path / "a", OLD, 3), written(tmp_path / "b", NEW[:-1], 5)
    with pytest.raises(ValueError, match="no utterance in common"):
        Pairs(old, new)


def test_tables_of_codes_take_a_byte_a_number_and_the_rest_two() -> None:
    weights = {TABLES[0]: torch.randn(50, 8), "other": torch.randn(8)}
    kept = stored(weights)
    assert [kept[name].element_size() for name in weights] == [1, 2]
    assert torch.allclose(kept[TABLES[0]].float(), weights[TABLES[0]], rtol=0.07, atol=2e-3)
