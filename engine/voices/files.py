"""Voices on disk: the project's own files, and the `conds.pt` that a published checkpoint comes with.

Ours are safetensors, tensors named as in conds.pt, with `version`, `family`, `description` and `owner` as metadata. A
voice prepared for one family of models is noise to another, so it is refused.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from engine.device.device import CPU
from engine.errors import ModelError
from engine.model import ModelConfig
from engine.networks.pulse.timbre import NATURAL, Timbre
from engine.voices.conditionals import VERSION, Conditionals

_FIELDS = {  # name in the file -> field
    "t3.speaker_emb": "speaker",
    "t3.cond_prompt_speech_tokens": "t3_prompt",
    "gen.prompt_token": "prompt_token",
    "gen.prompt_feat": "prompt_feat",
    "gen.embedding": "embedding",
}
_DIMENSIONS = {"speaker": 2, "t3_prompt": 2, "prompt_token": 2, "prompt_feat": 3, "embedding": 2}
_TOKENS = ("t3_prompt", "prompt_token")
FRAMES_PER_TOKEN = 2


def read(path: Path, family: str) -> Conditionals:
    """Reads a voice that `write` has stored; its name is the file's. Raises ModelError."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if metadata.get("version") != VERSION:
        raise ModelError(f"{path}: version {metadata.get('version')!r} of a voice file; this release reads {VERSION!r}")
    if metadata.get("family") != family:
        raise ModelError(f"{path} is a voice for {metadata.get('family')!r} models; this one is of {family!r}")
    voice = _conditionals(path, path.stem, metadata.get("description", ""), tensors)
    return replace(voice, owner=metadata.get("owner", ""), timbre=_timbre(path, metadata.get("timbre", "{}")))


def write(voice: Conditionals, path: Path, family: str) -> None:
    """Writes a file as a whole: a reader sees all of it or none, whatever fails. Raises OSError."""
    tensors = {name: getattr(voice, field).contiguous() for name, field in _FIELDS.items()}
    unfinished = path.with_suffix(".unfinished")
    metadata = {"version": VERSION, "family": family, "description": voice.description, "owner": voice.owner}
    if voice.timbre != NATURAL:
        metadata["timbre"] = json.dumps(asdict(voice.timbre))
    try:
        _write_through(unfinished, save(tensors, metadata))
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _write_through(path: Path, content: bytes) -> None:
    """Returns when the content is on the disk: a name must not survive a crash without its content."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _timbre(path: Path, text: str) -> Timbre:
    try:
        return Timbre(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path}: its timbre {text!r} is none: {error}") from error


def read_published(path: Path, name: str, description: str = "") -> Conditionals:
    """Reads the voice of a published checkpoint: torch's format, two mappings. Raises ModelError."""
    try:
        content = torch.load(path, map_location=CPU, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{path} cannot be read, perhaps half downloaded: {reason}") from error
    if not isinstance(content, Mapping) or not all(isinstance(content.get(key), Mapping) for key in ("t3", "gen")):
        raise ModelError(f"{path} is no voice: it lacks the parts 't3' and 'gen'")
    tensors = {f"{part}.{key}": value for part in ("t3", "gen") for key, value in content[part].items()}
    token, feat = tensors.get("gen.prompt_token"), tensors.get("gen.prompt_feat")
    if isinstance(token, Tensor) and isinstance(feat, Tensor) and token.dim() == 2 and feat.dim() == 3:
        # Quirk: a recording that is no whole number of tokens leaves a frame or a token over.
        count = min(token.shape[1], feat.shape[1] // FRAMES_PER_TOKEN)
        tensors["gen.prompt_token"], tensors["gen.prompt_feat"] = token[:, :count], feat[:, : FRAMES_PER_TOKEN * count]
    return _conditionals(path, name, description, tensors)


def check_fits(voice: Conditionals, config: ModelConfig, path: Path) -> None:
    """Raises ModelError where networks of these sizes cannot take the voice."""
    sizes = {
        "numbers of the speaker": (voice.speaker.shape[1], config.t3.speaker_width),
        "numbers of the x-vector": (voice.embedding.shape[1], config.flow.speaker_width),
        "mel bins": (voice.prompt_feat.shape[2], config.flow.mel_bins),
    }
    for what, (given, wanted) in sizes.items():
        if given != wanted:
            raise ModelError(f"{path}: {given} {what}; this model takes {wanted}")
    if voice.timbre != NATURAL and config.pulse is None:
        raise ModelError(f"{path} has a timbre of its own; this model's vocoder cannot give it one")
    if voice.t3_prompt.shape[1] > config.t3.max_prompt:
        limit = f"which takes {config.t3.max_prompt} at most"
        raise ModelError(f"{path}: {voice.t3_prompt.shape[1]} tokens of prompt for T3, {limit}")
    for tokens, vocab in ((voice.t3_prompt, config.t3.codes), (voice.prompt_token, config.flow.vocab)):
        if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < vocab:
            raise ModelError(
                f"{path}: speech tokens from {int(tokens.min())} to {int(tokens.max())}; there are {vocab}"
            )


def _conditionals(path: Path, name: str, description: str, tensors: Mapping[str, Any]) -> Conditionals:
    """Checks what every model takes for granted."""
    missing = [key for key in _FIELDS if not isinstance(tensors.get(key), Tensor)]
    if missing:
        raise ModelError(f"{path}: missing tensors {missing}")
    values = {}
    for key, field in _FIELDS.items():
        tensor = tensors[key]
        if tensor.dim() != _DIMENSIONS[field] or tensor.shape[0] != 1:
            raise ModelError(f"{path}: {key} is {list(tensor.shape)}; wanted: 1 x ..., {_DIMENSIONS[field]} dimensions")
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{path}: {key} holds values that are no numbers")
        values[field] = tensor.to(torch.int64 if field in _TOKENS else torch.float32)
    tokens, frames = values["prompt_token"].shape[1], values["prompt_feat"].shape[1]
    if frames != FRAMES_PER_TOKEN * tokens:
        raise ModelError(f"{path}: {tokens} prompt tokens need {FRAMES_PER_TOKEN * tokens} frames, not {frames}")
    return Conditionals(name=name, description=description, **values)
