"""The sizes that are compared: the published ones (FULL) as the table of variants has them, or a fraction of them.

For reduced sizes the reference's constructors are told what to build; for the published ones they are told nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.checkpoints.variants import VARIANTS
from engine.model import ModelConfig
from engine.networks.flow.flow import FlowConfig
from engine.networks.hift.f0 import F0Config
from engine.networks.hift.hift import HiFTConfig
from engine.networks.t3.t3 import T3Config
from tests.parity.harness import FULL

KINDS = ("base", "multilingual", "turbo", "nano")


def published(kind: str) -> ModelConfig:
    return VARIANTS[kind].config


def t3_config(kind: str) -> T3Config:
    config = published(kind).t3
    if FULL:
        return config
    backbone = replace(
        config.backbone, width=64, layers=3, heads=4, head_width=16, ffn_width=160, max_positions=34 + 64 + 2 + 100
    )
    n_codes = 256
    return replace(
        config,
        backbone=backbone,
        text_vocab=300,
        speech_vocab=n_codes + (2 if backbone.kind == "gpt2" else 60),
        codes=n_codes,
        start_speech=n_codes,
        stop_speech=n_codes + 1,
        max_text=64,
        max_speech=100,
        max_prompt=20,
        perceiver_queries=6 if config.perceiver_queries else 0,
    )


def t3_overrides(config: T3Config) -> dict[str, Any] | None:
    """What the reference is told of a reduced T3."""
    if FULL:
        return None
    backbone = config.backbone
    llama = {
        "intermediate_size": backbone.ffn_width,
        "num_hidden_layers": backbone.layers,
        "num_attention_heads": backbone.heads,
        "num_key_value_heads": backbone.heads,
        "head_dim": backbone.head_width,
    }
    gpt2 = {
        "n_embd": backbone.width,
        "n_layer": backbone.layers,
        "n_head": backbone.heads,
        "n_inner": backbone.ffn_width,
        "n_positions": backbone.max_positions,
        "vocab_size": config.text_vocab,
    }
    return {
        "backbone": {"hidden_size": backbone.width, **(llama if backbone.kind == "llama" else gpt2)},
        "queries": config.perceiver_queries,
        "t3": {
            "text_tokens_dict_size": config.text_vocab,
            "max_text_tokens": config.max_text - 2,
            "max_speech_tokens": config.max_speech - 4,
            "start_speech_token": config.start_speech,
            "stop_speech_token": config.stop_speech,
            "speech_tokens_dict_size": config.speech_vocab,
            "speech_cond_prompt_len": config.max_prompt,
        },
    }


def flow_config(kind: str) -> FlowConfig:
    """In the form that the reference has: prompt and speech run as one."""
    config = replace(published(kind).flow, form="cumulative")
    if FULL:
        return config
    return replace(
        config,
        encoder=replace(config.encoder, width=64, heads=4, ff_width=96, layers=2, up_layers=2),
        estimator=replace(
            config.estimator, channels=32, heads=4, head_width=16, blocks=2, mid_stages=3, time_width=128
        ),
    )


def hift_config(kind: str) -> HiFTConfig:
    config = published(kind).hift
    return config if FULL else replace(config, base_channels=64, f0=F0Config(channels=48))


def s3gen_overrides(flow: FlowConfig, hift: HiFTConfig) -> dict[str, Any] | None:
    """What the reference is told of a reduced flow and vocoder, by constructor."""
    if FULL:
        return None
    encoder, estimator = flow.encoder, flow.estimator
    return {
        "encoder": {
            "input_size": encoder.width,
            "output_size": encoder.width,
            "attention_heads": encoder.heads,
            "linear_units": encoder.ff_width,
            "num_blocks": encoder.layers,
        },
        "up_layers": encoder.up_layers,
        "estimator": {
            "channels": [estimator.channels],
            "attention_head_dim": estimator.head_width,
            "n_blocks": estimator.blocks,
            "num_mid_blocks": estimator.mid_stages,
            "num_heads": estimator.heads,
        },
        "flow": {"input_size": encoder.width},
        "hift": {"base_channels": hift.base_channels},
        "f0": {"cond_channels": hift.f0.channels},
    }
