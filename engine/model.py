"""A loaded model: configuration, networks, text front end, voices. It is read once (`engine.checkpoints`), then
read-only and shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from engine.device.device import Device
from engine.device.precision import Precision
from engine.errors import InvalidRequest
from engine.networks import noise
from engine.networks.flow.flow import Flow, FlowConfig
from engine.networks.flow.state import FlowPrompt
from engine.networks.hift.hift import HiFTConfig
from engine.networks.pulse.pulse import PulseConfig
from engine.networks.pulse.timbre import NATURAL, Timbre
from engine.networks.t3.t3 import T3, T3Conditioning, T3Config, T3Prefix
from engine.networks.vocoders import Vocoder, VocoderConfig
from engine.sampling_params import SamplingParams
from engine.scheduling.windows import LadderConfig
from engine.text.frontend import TextConfig, TextFrontEnd
from engine.voices.conditionals import Conditionals

if TYPE_CHECKING:
    from engine.voices.cloning import Cloner

EMBEDDED = Path(__file__).parent / "assets" / "embedded"


@dataclass(frozen=True, kw_only=True)
class TailConfig:
    """What the published pipelines do at the edges of speech; all off for the embedded voice."""

    muted_ms: int = 0  # at the start of an utterance: silence, since the prompt may spill over,
    fade_in_ms: int = 0  # and a raised cosine after it
    silence_token: int | None = None  # appended to every segment,
    silence_tokens: int = 0  # so many times
    drop_last_token: bool = False  # the last token of a segment decodes to noise: its audio is not spoken


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    name: str
    variant: str
    family: str  # voices are made for a family of models: "embedded", "chatterbox" or "chatterbox-turbo"
    sample_rate: int  # Hz
    default_voice: str
    t3: T3Config
    flow: FlowConfig
    sampling: SamplingParams
    used_sampling: tuple[str, ...]  # the parameters that act on this model
    text: TextConfig
    hift: HiFTConfig = field(default_factory=HiFTConfig)  # the vocoder,
    pulse: PulseConfig | None = None  # unless this one is configured
    tail: TailConfig = field(default_factory=TailConfig)
    ladder: LadderConfig = field(default_factory=LadderConfig)

    @property
    def vocoder(self) -> VocoderConfig:
        return self.pulse or self.hift


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A voice, prepared once and shared read-only by all its utterances."""

    t3: T3Prefix
    flow: FlowPrompt
    timbre: Timbre = NATURAL

    @property
    def nbytes(self) -> int:
        return self.t3.kv.nbytes + self.flow.nbytes


@dataclass(frozen=True, kw_only=True)
class Model:
    """Everything loaded, on its device. Voices are as stored; `prepare` makes them ready to speak."""

    config: ModelConfig
    t3: T3
    flow: Flow
    vocoder: Vocoder
    text: TextFrontEnd
    device: torch.device
    precision: Precision
    voices: Mapping[str, Conditionals]  # of the model itself
    cloner: Cloner | None = None  # None: this model cannot clone

    @property
    def has_alignment(self) -> bool:
        """Whether it can tell when words are spoken."""
        return bool(self.config.t3.aligned_heads) and self.text.knows_words

    @property
    def samples_per_token(self) -> int:
        return self.flow.ratio * self.vocoder.samples_per_frame

    def samples(self, milliseconds: int) -> int:
        return milliseconds * self.config.sample_rate // 1000

    def sampling(self, overrides: Mapping[str, float]) -> SamplingParams:
        """The model's defaults with a request's overrides. Raises InvalidRequest."""
        try:
            return self.config.sampling.override(overrides)
        except ValueError as error:
            name, _, description = str(error).partition(": ")
            raise InvalidRequest(f"config.sampling.{name}", description) from error

    def prepare(self, voice: Conditionals) -> Voice:
        """What T3 and the flow compute of a voice once: seconds of work for a long prompt of a large model."""
        with Device.of(self.device).turn:
            return self._prepare(voice)

    def _prepare(self, voice: Conditionals) -> Voice:
        device = self.device
        heard = T3Conditioning(speaker=voice.speaker.to(device), prompt=voice.t3_prompt.to(device))
        token, feat, embedding = (part.to(device) for part in (voice.prompt_token, voice.prompt_feat, voice.embedding))
        seed = noise.fold(0, *voice.name.encode())
        prompt = self.flow.prepare_prompt(token, feat, embedding, seed)
        prepared = Voice(t3=self.t3.conditioning(heard), flow=prompt, timbre=voice.timbre)
        Device.of(device).finish()  # its readers have streams of their own
        return prepared
