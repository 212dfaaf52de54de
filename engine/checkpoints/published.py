"""A published checkpoint -> a model that speaks, and that clones where its files hold what that takes."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import torch

from engine.checkpoints import names
from engine.checkpoints.layout import Layout
from engine.checkpoints.weights import WeightFile, blank
from engine.device.precision import Precision
from engine.errors import ModelError
from engine.model import Model, ModelConfig
from engine.networks.cloning.campplus import CAMPPlus
from engine.networks.cloning.speech_tokenizer import SpeechTokenizer
from engine.networks.cloning.voice_encoder import VoiceEncoder
from engine.networks.flow.flow import Flow
from engine.networks.hift.hift import HiFT
from engine.networks.t3.t3 import T3
from engine.text.build import build as build_text
from engine.voices import files
from engine.voices.cloning import Cloner, Encoders
from engine.voices.conditionals import Conditionals

log = logging.getLogger(__name__)


def load(layout: Layout, device: torch.device, precision: Precision) -> Model:
    """Raises ModelError, InvalidConfig. What only cloning needs is checked now and loaded when somebody clones."""
    config = layout.config
    t3, flow, hift = blank(lambda: T3(config.t3)), blank(lambda: Flow(config.flow)), blank(lambda: HiFT(config.hift))
    text = build_text(config.text, layout.directory)
    _check_vocabulary(text.vocab_size, config.t3.text_vocab, layout.directory)
    t3_file, s3gen_file = WeightFile(layout.t3), WeightFile(layout.s3gen)
    t3_file.check([(t3, names.T3)])
    tokenizer, x_vector, voice_encoder = _encoders(layout)
    s3gen_file.check(zip((flow, hift, tokenizer, x_vector), names.S3GEN, strict=True))
    WeightFile(layout.ve).check([(voice_encoder, names.VOICE_ENCODER)])
    voice = load_voice(layout)
    t3_file.fill_t3(t3, names.T3, device, precision.t3)
    s3gen_file.fill(flow, names.FLOW, device, precision.flow_dtype)
    s3gen_file.fill(hift, names.VOCODER, device)
    flow.arrange()
    hift.arrange(precision.vocoder_dtype)
    return Model(
        config=config,
        t3=t3,
        flow=flow,
        vocoder=hift,
        text=text,
        device=device,
        precision=precision,
        voices={voice.name: voice},
        cloner=cloner(layout, device),
    )


def load_voice(layout: Layout) -> Conditionals:
    """The voice that the checkpoint comes with."""
    config = layout.config
    voice = files.read_published(layout.voice, config.default_voice, f"the voice that {config.name} comes with")
    files.check_fits(voice, config, layout.voice)
    return voice


def cloner(layout: Layout, device: torch.device) -> Cloner:
    return Cloner(layout.encoders.cloning, lambda: load_encoders(layout, device))


def load_encoders(layout: Layout, device: torch.device) -> Encoders:
    """The networks that only cloning needs."""
    tokenizer, x_vector, voice_encoder = _encoders(layout)
    s3gen_file = WeightFile(layout.s3gen)
    s3gen_file.fill(tokenizer, names.SPEECH_TOKENIZER, device)
    s3gen_file.fill(x_vector, names.X_VECTOR, device)
    WeightFile(layout.ve).fill(voice_encoder, names.VOICE_ENCODER, device)
    return Encoders(voice_encoder=voice_encoder, x_vector=x_vector, speech_tokenizer=tokenizer)


def _check_vocabulary(tokens: int, known: int, directory: Path) -> None:
    said = f"{directory}: the tokenizer has {tokens} text tokens, and T3 knows {known}"
    if tokens > known:
        raise ModelError(f"{said}: it belongs to another variant")
    if tokens < known:
        log.warning("%s: it may belong to another variant", said)


def _encoders(layout: Layout) -> tuple[SpeechTokenizer, CAMPPlus, VoiceEncoder]:
    config = layout.encoders
    return (
        blank(lambda: SpeechTokenizer(config.speech_tokenizer)),
        blank(lambda: CAMPPlus(config.x_vector)),
        blank(lambda: VoiceEncoder(config.voice_encoder)),
    )


def with_form(config: ModelConfig, form: str | None) -> ModelConfig:
    """These weights were trained under full attention."""
    if form == "cached":
        log.warning(
            "form 'cached' is an experiment: %s was trained under full attention, and whether its weights tolerate "
            "block masks is not known. Listen before you rely on it",
            config.name,
        )
    return config if form is None else replace(config, flow=replace(config.flow, form=form))
