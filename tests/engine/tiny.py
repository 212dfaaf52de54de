"""A model directory of random weights, small enough for milliseconds, in the layout of this project."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from engine.checkpoints.config import build
from engine.model import EMBEDDED, ModelConfig
from engine.networks.flow.flow import Flow
from engine.networks.t3.t3 import T3
from engine.networks.vocoders import vocoder
from engine.voices.conditionals import VERSION

SPEAKER_WIDTH = 4
PROMPT_TOKENS = 6

CONFIG: dict[str, Any] = {
    "name": "tiny",
    "variant": "test",
    "family": "test",
    "sample_rate": 24000,
    "default_voice": "one",
    "t3": {
        "backbone": {
            "kind": "llama",
            "width": 16,
            "layers": 2,
            "heads": 2,
            "head_width": 8,
            "ffn_width": 32,
            "max_positions": 200,
        },
        "text_vocab": 64,
        "speech_vocab": 34,
        "codes": 32,
        "start_speech": 32,
        "stop_speech": 33,
        "start_text": 1,
        "stop_text": 0,
        "speaker_width": SPEAKER_WIDTH,
        "max_text": 64,
        "max_speech": 130,
    },
    "flow": {
        "vocab": 32,
        "mel_bins": 80,
        "speaker_width": SPEAKER_WIDTH,
        "encoder": {"width": 16, "heads": 2, "ff_width": 32, "layers": 1, "up_layers": 1, "lookahead": 3, "ratio": 2},
        "estimator": {
            "channels": 16,
            "heads": 2,
            "head_width": 8,
            "blocks": 1,
            "mid_stages": 1,
            "time_width": 16,
            "mean_flow": False,
        },
        "steps": 2,
        "schedule": "linear",
        "guidance": 0.0,
        "temperature": 1.0,
        "mel_mean": -5.0,
        "mel_std": 2.0,
        "history_tokens": 20,
    },
    "hift": {
        "base_channels": 16,
        "upsample_rates": [5, 4],
        "upsample_kernel_sizes": [10, 8],
        "istft_n_fft": 96,
        "istft_hop": 24,
        "resblock_kernel_sizes": [3],
        "source_resblock_kernel_sizes": [3, 3],
        "source_resblock_dilations": [1],
        "pre_lookahead": 2,
        "causal": True,
        "source": {"harmonics": 7, "mask_above_nyquist": True},
        "f0": {"channels": 8, "lookahead": [1, 1, 0, 0, 0]},
    },
    "sampling": {},
    "used_sampling": ["temperature", "top_p", "min_p", "top_k", "repetition_penalty"],
    "text": {
        "front_end": "spelled",
        "max_chars": 60,
        "max_text_tokens": 60,
        "base_tokens": 5,
        "tokens_per_text_token": 2.0,
        "max_tokens": 128,
        "sentence_pause_ms": 120,
        "clause_pause_ms": 80,
        "languages": ["en"],
    },
}


def write_tiny_model(directory: Path, **changes: Any) -> Path:
    """Writes the directory; `changes` replace keys of its configuration."""
    mapping = {**CONFIG, **changes}
    (directory / "voices").mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(mapping), encoding="utf-8")
    shutil.copy(EMBEDDED / "tokenizer.json", directory)
    config = build(ModelConfig, mapping, "tiny")
    torch.manual_seed(0)
    sound = "vocoder" if config.pulse else "hift"
    for name, network in (("t3", T3(config.t3)), ("flow", Flow(config.flow)), (sound, vocoder(config.vocoder))):
        save_file({key: value.half() for key, value in network.state_dict().items()}, directory / f"{name}.safetensors")
    for index, voice in enumerate(("one", "two")):
        save_file(
            {
                "t3.speaker_emb": torch.eye(SPEAKER_WIDTH)[index : index + 1],
                "t3.cond_prompt_speech_tokens": torch.zeros(1, 0, dtype=torch.int64),
                "gen.prompt_token": torch.randint(config.flow.vocab, (1, PROMPT_TOKENS)),
                "gen.prompt_feat": torch.randn(1, 2 * PROMPT_TOKENS, config.flow.mel_bins) - 5,
                "gen.embedding": torch.eye(SPEAKER_WIDTH)[index : index + 1],
            },
            directory / "voices" / f"{voice}.safetensors",
            {"version": VERSION, "family": config.family, "description": f"voice {voice}"},
        )
    return directory
