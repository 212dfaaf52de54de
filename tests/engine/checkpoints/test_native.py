"""This project's own model directories: what is missing, unknown or mis-shaped is an error that names it."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from engine.checkpoints import load
from engine.device.precision import Precision
from engine.errors import InvalidConfig, ModelError
from tests.engine.tiny import CONFIG, write_tiny_model


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny")


def test_a_directory_loads_with_its_voices(directory: Path) -> None:
    model = load(directory)
    assert sorted(model.voices) == ["one", "two"]
    assert model.voices["one"].description == "voice one"
    assert model.samples_per_token == 960
    assert all(model.prepare(voice).nbytes > 0 for voice in model.voices.values())
    assert model.cloner is None


def test_lower_precision_loads_too(directory: Path) -> None:
    model = load(directory, precision=Precision(t3="int8", flow="bfloat16"))
    assert model.prepare(model.voices["one"]).nbytes > 0


def test_a_directory_of_something_else_is_said_to_be_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is no model directory: neither config\.json and t3\.safetensors are there"):
        load(tmp_path)


def test_a_missing_network_is_named(directory: Path) -> None:
    (directory / "flow.safetensors").unlink()
    with pytest.raises(ModelError, match=r"flow\.safetensors cannot be read: No such file"):
        load(directory)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"flow": {**CONFIG["flow"], "form": "magic"}}, "form = 'magic'"),
        ({"colour": "red"}, r"unknown keys \['colour'\]"),
        ({"t3": {**CONFIG["t3"], "layers": 3}}, r"config\.json\.t3: unknown keys \['layers'\]"),
    ],
)
def test_a_wrong_configuration_is_refused(directory: Path, change: dict[str, Any], said: str) -> None:
    (directory / "config.json").write_text(json.dumps({**CONFIG, **change}), encoding="utf-8")
    with pytest.raises(InvalidConfig, match=said):
        load(directory)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_configuration_that_is_no_mapping_is_refused(directory: Path, content: str) -> None:
    (directory / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json"):
        load(directory)


def test_a_form_that_the_weights_do_not_support_is_refused(directory: Path) -> None:
    with pytest.raises(InvalidConfig, match="form 'windowed': 'tiny' was trained for 'cached'"):
        load(directory, form="windowed")


def test_the_baseline_may_be_asked_for(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert load(directory, form="cumulative").config.flow.form == "cumulative"
    assert "baseline" in caplog.text


def test_weights_load_strictly(directory: Path) -> None:
    weights = load_file(directory / "t3.safetensors")
    weights["extra.weight"] = weights.pop("speech_head.weight")
    save_file(weights, directory / "t3.safetensors")
    with pytest.raises(ModelError, match=r"1 missing: speech_head\.weight; 1 unknown: extra\.weight"):
        load(directory)


def test_a_voice_for_another_family_is_refused(directory: Path) -> None:
    (directory / "config.json").write_text(json.dumps({**CONFIG, "family": "other"}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"one\.safetensors is a voice for 'test' models; this one is of 'other'"):
        load(directory)


def test_the_default_voice_must_exist(directory: Path) -> None:
    (directory / "voices" / "one.safetensors").unlink()
    with pytest.raises(ModelError, match=r"default voice 'one' is not among \['two'\]"):
        load(directory)
