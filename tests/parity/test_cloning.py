"""A voice cloned from a recording, against the reference's own pipelines; and each front end by itself."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import cache

import pytest
import soundfile
import torch
from torch import Tensor

from engine.checkpoints.names import SPEECH_TOKENIZER, VOICE_ENCODER, X_VECTOR
from engine.messages import NewVoice
from engine.networks.cloning import frontends
from engine.networks.cloning.campplus import CAMPPlus, CAMPPlusConfig
from engine.networks.cloning.speech_tokenizer import SpeechTokenizer, SpeechTokenizerConfig
from engine.networks.cloning.voice_encoder import VoiceEncoder, VoiceEncoderConfig
from engine.voices.cloning import Cloner, CloningConfig, Encoders
from engine.voices.resample import windowed_sinc
from tests.engine.voices.speech import speech_like
from tests.parity.conftest import Check
from tests.parity.harness import FULL, SEEDS, TOLERANCE, Answer, Case, Reference

TOKENIZER = SpeechTokenizerConfig() if FULL else SpeechTokenizerConfig(width=128, heads=2, layers=2)
CLONING = {"base": CloningConfig(t3_tokens=150), "turbo": CloningConfig(t3_tokens=375, min_s=5.0, loudness=-27.0)}


@dataclass(frozen=True)
class Recorded:
    """`seconds` of sound that is like speech."""

    kind: str
    seconds: float
    rate: int
    channels: int
    noise: float
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind} {self.seconds:g} s {self.rate} Hz seed {self.seed}"

    def case(self) -> Case:
        sizes = {"n_audio_state": TOKENIZER.width, "n_audio_head": TOKENIZER.heads, "n_audio_layer": TOKENIZER.layers}
        speech, wav = (torch.from_numpy(speech_like(7.3, rate, self.seed)) for rate in (16_000, 24_000))
        tensors = {"audio": audio(self), "speech": speech, "wav": wav}
        options = {"kind": self.kind, "rate": self.rate, "seed": self.seed, "tokenizer": None if FULL else sizes}
        return Case(options, tensors)

    def new_voice(self) -> NewVoice:
        file = io.BytesIO()
        soundfile.write(file, audio(self).numpy(), self.rate, subtype="FLOAT", format="WAV")
        return NewVoice(name="somebody", audio=file.getvalue())


@cache
def audio(of: Recorded) -> Tensor:
    """[N, channels]"""
    seeds = range(10 * of.seed, 10 * of.seed + of.channels)
    return torch.stack([torch.from_numpy(speech_like(of.seconds, of.rate, seed, noise=of.noise)) for seed in seeds], 1)


SOURCES = (("base", 11.0, 44_100, 2, 1e-3), ("base", 4.53, 24_000, 1, 0.0), ("turbo", 16.0, 22_050, 1, 1e-4))
RECORDINGS = [Recorded(*source, seed) for seed in SEEDS for source in SOURCES]
CASES = {recorded.name: recorded.case() for recorded in RECORDINGS}
REFERENCE = Reference("cloning", CASES)


def encoders(answer: Answer) -> Encoders:
    networks = Encoders(
        voice_encoder=VoiceEncoder(VoiceEncoderConfig()),
        x_vector=CAMPPlus(CAMPPlusConfig()),
        speech_tokenizer=SpeechTokenizer(TOKENIZER),
    )
    answer.fill(
        (networks.voice_encoder, replace(VOICE_ENCODER, prefix="ve.")),  # a file of its own, published without prefix
        (networks.x_vector, X_VECTOR),
        (networks.speech_tokenizer, SPEECH_TOKENIZER),
    )
    return networks


@pytest.mark.parametrize("recorded", RECORDINGS, ids=lambda recorded: recorded.name)
def test_cloned_voice(recorded: Recorded, check: Check) -> None:
    answer = REFERENCE[recorded.name]
    networks = encoders(answer)
    tokenizer = networks.speech_tokenizer
    levels: list[Tensor] = []  # of the flow's prompt, then of T3's
    tokenizer.quantizer.register_forward_hook(lambda _module, _inputs, output: levels.append(output))
    ours, _ = Cloner(CLONING[recorded.kind], lambda: networks).clone(recorded.new_voice())
    check("cloning: voice encoder", ours.speaker, answer["speaker"], answer)
    check("cloning: x-vector", ours.embedding, answer["embedding"], answer)
    n_tokens = ours.prompt_token.shape[1]
    assert answer["prompt_feat"].shape[1] - 2 * n_tokens in (0, 1)  # an odd last frame is dropped
    check("cloning: prompt mel", ours.prompt_feat, answer["prompt_feat"][:, : 2 * n_tokens], answer)
    for name, values in zip(("prompt_token", "t3_prompt"), levels, strict=True):
        mine: Tensor = getattr(ours, name)
        theirs = answer[name]
        assert len(theirs.unique()) > 10  # a test of one token would prove nothing
        check("cloning: speech tokens", excuse_ties(mine, theirs, values[:, : mine.shape[1]]), theirs, answer)


def excuse_ties(ours: Tensor, theirs: Tensor, levels: Tensor) -> Tensor:
    """`ours`, or `theirs` where a value before rounding is within 1e-4 of a tie."""
    near_tie = (((levels.abs() - 0.5).abs()) < TOLERANCE).any(-1)
    return torch.where(near_tie, theirs, ours)


@pytest.mark.parametrize("recorded", RECORDINGS[:: len(SOURCES)], ids=lambda recorded: recorded.name)
def test_front_ends(recorded: Recorded, check: Check) -> None:
    answer = REFERENCE[recorded.name]
    tensors = CASES[recorded.name].tensors
    speech, wav = tensors["speech"], tensors["wav"]
    for name in ("voice_encoder_mel", "fbank", "speech_tokenizer_mel"):
        ours = getattr(frontends, name)(speech[None])[0]
        check(f"front end: {name}", ours, answer[name], answer)
    check("front end: prompt_mel", frontends.prompt_mel(wav[None])[0], answer["prompt_mel"], answer)
    check("front end: trimming", frontends.trim(speech), answer["trimmed"], answer)
    check("front end: windowed sinc", windowed_sinc(wav, 24_000, 16_000), answer["windowed_sinc"], answer)
