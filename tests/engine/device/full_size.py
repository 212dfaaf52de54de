"""The published networks at their full size on the fake GPU, and what is spoken with them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import cast

import torch
from torch import nn

from engine.checkpoints import load
from engine.checkpoints.names import Part
from engine.checkpoints.variants import VARIANTS
from engine.checkpoints.weights import WeightFile, blank
from engine.device.precision import Precision
from engine.model import Model, ModelConfig, Voice
from engine.networks.flow.flow import Flow
from engine.networks.t3.t3 import T3
from engine.networks.vocoders import Vocoder, vocoder
from engine.text.frontend import TextFrontEnd
from engine.voices.conditionals import Conditionals
from tests.engine.device.fake_gpu import fake_gpu

GPU = fake_gpu()
PROMPT_TOKENS = 250  # of the flow: 10 s
TEXT_TOKENS = 60
SOLVER_STEPS = {"base": 1, "multilingual": 1}  # of the ten, which are alike; the others have two


class FakeFile(WeightFile):
    """A file that holds what a network wants, which was built on the host. Its tables become fake as well."""

    def __init__(self, network: nn.Module) -> None:
        for module in network.modules():
            for name, table in list(module.named_buffers(recurse=False)):
                setattr(module, name, torch.empty(table.shape, dtype=table.dtype))
        self._mapped = {name: torch.empty(like.shape, dtype=like.dtype) for name, like in network.state_dict().items()}
        self._read = 0

    def _release(self) -> None:
        pass


class Ids:
    """A text front end that reads every text as so many tokens."""

    def encode(self, text: str, language: str) -> list[int]:
        return [7] * TEXT_TOKENS


@cache
def config(variant: str) -> ModelConfig:
    if variant == "embedded":
        return load().config
    published = VARIANTS[variant].config
    steps = SOLVER_STEPS.get(variant, published.flow.steps)
    return replace(published, flow=replace(published.flow, steps=steps))


@cache
def t3(variant: str) -> T3:
    network = blank(lambda: T3(config(variant).t3))
    with GPU.running(), GPU.free_to_cross():
        FakeFile(network).fill_t3(network, Part(""), GPU.at, "bfloat16")
    return network


@cache
def flow(variant: str) -> Flow:
    network = blank(lambda: Flow(config(variant).flow))
    with GPU.running(), GPU.free_to_cross():
        FakeFile(network).fill(network, Part(""), GPU.at)
        network.arrange()
    return network


@cache
def voiced(variant: str) -> Vocoder:
    network = blank(lambda: vocoder(config(variant).vocoder))
    with GPU.running(), GPU.free_to_cross():
        FakeFile(network).fill(network, Part(""), GPU.at)
        network.arrange(torch.float32)
    return network


@cache
def model(variant: str) -> Model:
    """Networks that variants share are one. Only what a test asks for is made."""
    alike = {"multilingual": "base", "nano": "turbo"}.get(variant, variant)
    return Model(
        config=config(variant),
        t3=t3(variant),
        flow=flow(alike),
        vocoder=voiced("embedded" if variant == "embedded" else "turbo"),
        text=cast(TextFrontEnd, Ids()),
        device=GPU.at,
        precision=Precision(t3="bfloat16", flow="tf32"),
        voices={},
    )


def recorded(variant: str) -> Conditionals:
    c = config(variant)
    return Conditionals(
        name="somebody",
        speaker=torch.zeros(1, c.t3.speaker_width),
        t3_prompt=torch.zeros(1, c.t3.max_prompt, dtype=torch.int64),
        prompt_token=torch.zeros(1, PROMPT_TOKENS, dtype=torch.int64),
        prompt_feat=torch.zeros(1, 2 * PROMPT_TOKENS, c.flow.mel_bins),
        embedding=torch.zeros(1, c.flow.speaker_width),
    )


@cache
def voice(variant: str) -> Voice:
    with GPU.running(), GPU.free_to_cross():
        return model(variant).prepare(recorded(variant))
