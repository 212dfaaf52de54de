"""Model directories: what is missing, unknown or mis-shaped is an error that names it."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from engine.errors import InvalidConfig, ModelError
from engine.model import load
from tests.engine.tiny import CONFIG, write_tiny_model


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny")


def test_a_directory_loads_with_its_voices(directory: Path) -> None:
    model = load(directory)
    assert sorted(model.voices) == ["one", "two"]
    assert model.voices["one"].description == "voice one"
    assert model.samples_per_token == 960
    assert all(voice.nbytes > 0 for voice in model.voices.values())


def test_a_missing_directory_is_said_to_be_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json is missing: not a model directory"):
        load(tmp_path)


def test_a_missing_network_is_named(directory: Path) -> None:
    (directory / "flow.safetensors").unlink()
    with pytest.raises(ModelError, match=r"flow\.safetensors"):
        load(directory)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"form": "windowed"}, "form is 'windowed'; possible: 'cached'"),
        ({"colour": "red"}, r"unknown keys \['colour'\]"),
        ({"t3": {**CONFIG["t3"], "layers": 3}}, r"config\.json\.t3: unknown keys \['layers'\]"),
    ],
)
def test_a_wrong_configuration_is_refused(directory: Path, change: dict[str, Any], said: str) -> None:
    (directory / "config.json").write_text(json.dumps({**CONFIG, **change}), encoding="utf-8")
    with pytest.raises(InvalidConfig, match=said):
        load(directory)


def test_weights_load_strictly(directory: Path) -> None:
    weights = load_file(directory / "t3.safetensors")
    weights["extra.weight"] = weights.pop("speech_head.weight")
    save_file(weights, directory / "t3.safetensors")
    with pytest.raises(ModelError, match=r"(?s)speech_head\.weight.*extra\.weight"):
        load(directory)


def test_a_voice_without_its_tensors_is_refused(directory: Path) -> None:
    path = directory / "voices" / "one.safetensors"
    save_file({"t3.speaker_emb": load_file(path)["t3.speaker_emb"]}, path)
    with pytest.raises(ModelError, match=r"missing tensors \['t3\.cond_prompt_speech_tokens'"):
        load(directory)


def test_the_default_voice_must_exist(directory: Path) -> None:
    (directory / "voices" / "one.safetensors").unlink()
    with pytest.raises(ModelError, match=r"default voice 'one' is not among \['two'\]"):
        load(directory)
