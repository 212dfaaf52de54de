"""Does a device compute what the CPU computes? The same voice, tokens and mel through both, stage by stage.

Each stage is given what the CPU's stage before it made, so that no stage answers for another's error. On the CPU itself
everything agrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.latency import t3_step
from engine.device.device import CPU
from engine.model import Model
from engine.networks.vocoders import begun

TOKENS = 50  # 2 s of speech
SEED = 1
MOST_DB = 200.0  # where there is no difference


@dataclass(frozen=True, kw_only=True)
class Agreement:
    likeliest: float  # share of T3's steps whose likeliest token is the CPU's, all of them after the CPU's tokens
    logits: float  # largest difference of a logit, by the largest logit
    mel: float  # largest difference of the flow's mel, ln
    mel_mean: float  # and the mean one
    samples_db: float  # of the vocoder: how far its difference lies below the CPU's samples, at most MOST_DB

    def __str__(self) -> str:
        return (
            f"likeliest tokens {self.likeliest:.1%}, logits {self.logits:.1e}, mel {self.mel:.1e} "
            f"(mean {self.mel_mean:.1e}), samples {self.samples_db:.0f} dB"
        )


@torch.inference_mode()
def agreement(ours: Model, reference: Model) -> Agreement:
    """`reference` is the same model in float32 on the CPU."""
    expected, tokens = t3_step.speak(reference.t3, t3_step.Utterance.random(reference.t3), None)
    logits, _ = t3_step.speak(ours.t3, t3_step.Utterance.random(ours.t3), tokens)
    spoken = torch.randint(reference.config.t3.codes, (1, TOKENS), generator=torch.Generator().manual_seed(SEED))
    mel, ours_mel = (_mel(model, spoken) for model in (reference, ours))
    samples, ours_samples = (_samples(model, mel) for model in (reference, ours))
    return Agreement(
        likeliest=float((logits.argmax(-1) == expected.argmax(-1)).float().mean()),
        logits=float((logits - expected).abs().max() / expected.abs().max()),
        mel=float((ours_mel - mel).abs().max()),
        mel_mean=float((ours_mel - mel).abs().mean()),
        samples_db=_below(samples, ours_samples - samples),
    )


def _mel(model: Model, tokens: Tensor) -> Tensor:
    """[1, F, 2 T] on the CPU"""
    prepared = model.prepare(model.voices[model.config.default_voice])
    return model.flow.offline(tokens.to(model.device), prepared.flow, SEED).to(CPU)


def _samples(model: Model, mel: Tensor) -> Tensor:
    """[1, N] on the CPU"""
    timbre = model.voices[model.config.default_voice].timbre
    wav, _ = model.vocoder(mel.to(model.device), begun(model.vocoder, SEED, timbre), final=True)
    return wav.float().to(CPU)  # type: ignore[no-any-return]


def _below(signal: Tensor, error: Tensor) -> float:
    ours, theirs = (float(values.double().square().mean()) for values in (signal, error))
    return min(MOST_DB, 10 * math.log10(ours / theirs)) if ours and theirs else MOST_DB
