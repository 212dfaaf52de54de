"""A model directory, loaded: configuration, networks, tokenizer, voices. Read once at start, then read-only and shared.

config.json  t3.safetensors  flow.safetensors  hift.safetensors  tokenizer.json  voices/<name>.safetensors
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from engine import noise
from engine.config import build
from engine.errors import InvalidRequest, ModelError
from engine.ladder import LadderConfig
from engine.models.flow import Flow, FlowConfig, FlowPrompt
from engine.models.hift import HiFT, HiFTConfig
from engine.models.t3 import T3, T3Conditioning, T3Config, T3Prefix
from engine.sampling import SamplingParams
from engine.text.segmenter import SegmenterConfig
from engine.text.tokenizer import TextTokenizer

EMBEDDED = Path(__file__).parent / "assets" / "embedded"


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """How text becomes segments, and what a segment may cost."""

    max_chars: int  # of a normalised segment
    base_tokens: int  # runaway guard: a segment of n characters gets base_tokens + tokens_per_char * n tokens,
    tokens_per_char: float
    max_tokens: int  # and never more than this
    sentence_pause_ms: int  # silence between a sentence and what follows
    clause_pause_ms: int  # silence after a segment that was cut inside a sentence
    language_codes: tuple[str, ...]
    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    name: str
    variant: str
    form: str  # how the flow is incremental: "cached"
    sample_rate: int  # Hz
    default_voice: str
    mel_floor: float  # ln mel of silence
    t3: T3Config
    flow: FlowConfig
    hift: HiFTConfig
    sampling: SamplingParams
    used_sampling: tuple[str, ...]  # the parameters that act on this model
    text: TextConfig
    ladder: LadderConfig = field(default_factory=LadderConfig)

    def __post_init__(self) -> None:
        if self.form != "cached":
            raise ValueError(f"form is {self.form!r}; possible: 'cached'")


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A voice, prepared once and shared read-only by all its utterances."""

    name: str
    description: str
    t3: T3Prefix
    flow: FlowPrompt

    @property
    def nbytes(self) -> int:
        return self.t3.kv.nbytes + self.flow.nbytes


@dataclass(frozen=True, kw_only=True)
class Model:
    config: ModelConfig
    t3: T3
    flow: Flow
    hift: HiFT
    tokenizer: TextTokenizer
    voices: Mapping[str, Voice]

    @property
    def samples_per_token(self) -> int:
        return self.flow.ratio * self.config.hift.hop

    def frames(self, milliseconds: int) -> int:
        """Whole mel frames in so much time."""
        return milliseconds * self.config.sample_rate // (1000 * self.config.hift.hop)

    def encode(self, text: str) -> Tensor:
        """Normalised text -> [1, T] text tokens as T3 wants them."""
        return self.t3.frame_text(torch.tensor([self.tokenizer.encode(text)]))

    def sampling(self, overrides: Mapping[str, float]) -> SamplingParams:
        """The model's defaults with a request's overrides. Raises InvalidRequest."""
        try:
            return self.config.sampling.override(overrides)
        except ValueError as error:
            name, _, description = str(error).partition(": ")
            raise InvalidRequest(f"config.sampling.{name}", description) from error


def load(directory: Path = EMBEDDED) -> Model:
    """Loads a model directory onto the CPU in float32. Raises ModelError, InvalidConfig."""
    config = build(ModelConfig, _read_json(directory / "config.json"), str(directory / "config.json"))
    t3, flow, hift = T3(config.t3), Flow(config.flow), HiFT(config.hift)
    for name, network in (("t3", t3), ("flow", flow), ("hift", hift)):
        _load_weights(network, directory / f"{name}.safetensors")
    t3.tfmr.fuse()
    files = sorted((directory / "voices").glob("*.safetensors"))
    voices = {file.stem: _load_voice(file, t3, flow) for file in files}
    if config.default_voice not in voices:
        raise ModelError(f"{directory}: default voice {config.default_voice!r} is not among {sorted(voices)}")
    tokenizer = TextTokenizer(directory / "tokenizer.json")
    return Model(config=config, t3=t3, flow=flow, hift=hift, tokenizer=tokenizer, voices=voices)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: not a model directory") from error
    except json.JSONDecodeError as error:
        raise ModelError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} must hold an object")
    return content


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def _load_weights(network: nn.Module, path: Path) -> None:
    """Strictly: missing, extra and mis-shaped names are an error that lists them."""
    weights = {name: tensor.float() for name, tensor in _read_tensors(path).items()}
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ModelError(f"{path}: {error}") from error
    network.eval().requires_grad_(False)


def _load_voice(path: Path, t3: T3, flow: Flow) -> Voice:
    tensors = _read_tensors(path)
    wanted = ("t3.speaker_emb", "t3.cond_prompt_speech_tokens", "gen.prompt_token", "gen.prompt_feat", "gen.embedding")
    if missing := [name for name in wanted if name not in tensors]:
        raise ModelError(f"{path}: missing tensors {missing}")
    speaker, t3_prompt, token, feat, embedding = (tensors[name] for name in wanted)
    with safe_open(path, "pt") as file:
        description = (file.metadata() or {}).get("description", "")
    return Voice(
        name=path.stem,
        description=description,
        t3=t3.conditioning(T3Conditioning(speaker=speaker.float(), prompt=t3_prompt.long())),
        flow=flow.prepare_prompt(token.long(), feat.float(), embedding.float(), noise.fold(0, *path.stem.encode())),
    )
