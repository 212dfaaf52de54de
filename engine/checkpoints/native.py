"""This project's own layout of a model directory, as of the embedded voice.

config.json  t3.safetensors  flow.safetensors  vocoder.safetensors  tokenizer.json  voices/<name>.safetensors
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.checkpoints.config import build
from engine.checkpoints.names import Part
from engine.checkpoints.weights import WeightFile, blank
from engine.device.precision import Precision
from engine.errors import InvalidConfig, ModelError
from engine.model import Model, ModelConfig
from engine.networks.flow.flow import Flow
from engine.networks.t3.t3 import T3
from engine.networks.vocoders import vocoder
from engine.text.build import build as build_text
from engine.voices import files
from engine.voices.conditionals import Conditionals

log = logging.getLogger(__name__)

CONFIG = "config.json"
_AS_NAMED = Part("")  # tensors have the parameters' own names


def is_native(directory: Path) -> bool:
    """Published directories may have a config.json of another kind."""
    names = {path.name for path in directory.iterdir()}
    return CONFIG in names and not names.isdisjoint(
        {"t3.safetensors", "flow.safetensors", "vocoder.safetensors", "hift.safetensors"}
    )


def configuration(directory: Path) -> ModelConfig:
    return build(ModelConfig, read_json(directory / CONFIG), str(directory / CONFIG))


def with_form(config: ModelConfig, form: str | None) -> ModelConfig:
    """Raises InvalidConfig for a form that the weights do not support."""
    trained = config.flow.form
    if form is None or form == trained:
        return config
    if form != "cumulative":
        raise InvalidConfig(
            f"form {form!r}: {config.name!r} was trained for {trained!r}; besides it, 'cumulative' only"
        )
    log.warning("form 'cumulative' is the baseline to compare with; %r was trained for %r", config.name, trained)
    return replace(config, flow=replace(config.flow, form=form))


def load(directory: Path, config: ModelConfig, device: torch.device, precision: Precision) -> Model:
    """Raises ModelError."""
    t3, flow = blank(lambda: T3(config.t3)), blank(lambda: Flow(config.flow))
    voiced = blank(lambda: vocoder(config.vocoder))
    t3_file = _checked(directory / "t3.safetensors", t3)
    flow_file = _checked(directory / "flow.safetensors", flow)
    vocoder_file = _checked(directory / ("vocoder.safetensors" if config.pulse else "hift.safetensors"), voiced)
    t3_file.fill_t3(t3, _AS_NAMED, device, precision.t3)
    flow_file.fill(flow, _AS_NAMED, device, precision.flow_dtype)
    vocoder_file.fill(voiced, _AS_NAMED, device)
    flow.arrange()
    voiced.arrange(precision.vocoder_dtype)
    return Model(
        config=config,
        t3=t3,
        flow=flow,
        vocoder=voiced,
        text=build_text(config.text, directory),
        device=device,
        precision=precision,
        voices=load_voices(directory, config),
    )


def load_voices(directory: Path, config: ModelConfig) -> dict[str, Conditionals]:
    paths = sorted((directory / "voices").glob("*.safetensors"))
    voices = {path.stem: files.read(path, config.family) for path in paths}
    for path in paths:
        files.check_fits(voices[path.stem], config, path)
    if config.default_voice not in voices:
        raise ModelError(f"{directory}: default voice {config.default_voice!r} is not among {sorted(voices)}")
    return voices


def _checked(path: Path, network: nn.Module) -> WeightFile:
    file = WeightFile(path)
    file.check([(network, _AS_NAMED)])
    return file


def read_json(path: Path) -> dict[str, Any]:
    """Raises ModelError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: not a model directory") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} must hold an object")
    return content
