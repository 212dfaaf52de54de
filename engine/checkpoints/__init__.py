"""Where models come from: a directory in this project's layout or in a published one, or the hub.

`load` reads everything that speaking takes, checks everything else, and says what it did.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from engine.apart import apart
from engine.checkpoints import hub, layout, native, published, weights
from engine.device.device import CPU
from engine.device.precision import Precision
from engine.errors import InvalidConfig, ModelError
from engine.model import EMBEDDED, Model, ModelConfig
from engine.networks.flow.flow import FORMS
from engine.voices.cloning import Cloner
from engine.voices.conditionals import Conditionals

__all__ = ["Voices", "is_large", "load", "load_voices"]

log = logging.getLogger(__name__)

_DEFAULT = Precision()


@dataclass(frozen=True)
class Voices:
    config: ModelConfig
    own: Mapping[str, Conditionals]
    cloner: Cloner | None


def load(
    where: str | Path = "embedded",
    *,
    device: torch.device = CPU,
    precision: Precision = _DEFAULT,
    form: str | None = None,
    variant: str | None = None,
    normalize: bool | None = None,
) -> Model:
    """`where` is "embedded", a directory, a short name such as "turbo", or a hub id, perhaps with `@revision`.

    `form` of the flow and `normalize` of the text replace what the model's configuration says; `variant` chooses where
    a directory or a repository holds several. Raises ModelError, InvalidConfig."""
    started = time.monotonic()
    if form is not None and form not in FORMS:
        raise InvalidConfig(f"form {form!r}; possible: {', '.join(FORMS)}")
    precision.set_up(device)
    directories, found = _find(where, variant)
    if found is None:
        config = native.with_form(native.configuration(directories[0]), form)
        model = apart(lambda: native.load(directories[0], _normalizing(config, normalize), device, precision))
    else:
        config = published.with_form(found.config, form)
        wanted = replace(found, config=_normalizing(config, normalize))
        model = apart(lambda: published.load(wanted, device, precision))
    seconds = time.monotonic() - started
    log.info("%s from %s in %.1f s: %s", model.config.name, directories[0], seconds, _description(model))
    return model


def is_large(where: str | Path) -> bool:
    """Whether a model is too large to speak in real time on a few cores: all but those of the project's own layout."""
    return str(where) != "embedded" and not (Path(where).is_dir() and native.is_native(Path(where)))


def load_voices(where: str | Path = "embedded", *, device: torch.device = CPU, variant: str | None = None) -> Voices:
    """What a model knows of voices, without the networks that speak. Raises ModelError, InvalidConfig."""
    directories, found = _find(where, variant)
    if found is None:
        config = native.configuration(directories[0])
        return Voices(config, native.load_voices(directories[0], config), None)
    own = published.load_voice(found)
    return Voices(found.config, {own.name: own}, published.cloner(found, device))


def _find(where: str | Path, variant: str | None) -> tuple[list[Path], layout.Layout | None]:
    """The directories to read, and what a published checkpoint in them is; None: they hold the project's own layout."""
    if variant is not None:
        layout.variant_named(variant)
    directories = _directories(str(where), variant)
    is_native = variant is None and native.is_native(directories[0])
    return directories, None if is_native else layout.find(directories, variant)


def _directories(where: str, variant: str | None) -> list[Path]:
    if where == "embedded":
        return [EMBEDDED]
    if Path(where).is_dir():
        return [Path(where)]
    source = hub.parse(where, variant)
    if source is None:
        raise ModelError(f"{where}: no such directory, and no id on the hub such as ResembleAI/chatterbox-turbo")
    return hub.download(source)


def _normalizing(config: ModelConfig, normalize: bool | None) -> ModelConfig:
    return config if normalize is None else replace(config, text=replace(config.text, normalize=normalize))


def _description(model: Model) -> str:
    networks = (("t3", model.t3), ("flow", model.flow), ("vocoder", model.vocoder))
    said = ", ".join(f"{name} {weights.held_bytes(network) / 1e6:.0f} MB" for name, network in networks)
    return f"{said} on {model.device} ({model.precision}), flow {model.config.flow.form!r}"
