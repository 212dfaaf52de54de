"""A checkpoint of random weights in the published layout: names, shapes and files as published, values that make noise.

    python -m benchmarks.support.random_checkpoint nano /tmp/nano
    python -m benchmarks.support.random_checkpoint base /tmp/base --size tiny

Full sizes take 2 to 3.2 GB. `tiny` has the same parts at a few thousand parameters and says so in its gapless.json.
A tensor depends on (seed, its name) alone.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.support.random_tokenizers import write_text_files
from engine.checkpoints import names
from engine.checkpoints.layout import OVERRIDES, configuration
from engine.checkpoints.names import Part
from engine.checkpoints.variants import VARIANTS, EncodersConfig, Variant
from engine.checkpoints.weights import blank
from engine.model import ModelConfig
from engine.networks.cloning.campplus import CAMPPlus
from engine.networks.cloning.speech_tokenizer import SpeechTokenizer
from engine.networks.cloning.voice_encoder import VoiceEncoder
from engine.networks.flow.flow import Flow
from engine.networks.hift.hift import HiFT
from engine.networks.t3.t3 import T3

PROMPT_TOKENS = 250  # of the flow: 10 s
LN_MEL = -5.0  # about the mean of speech
LN_MAGNITUDE = -3.0  # of the vocoder's spectra: a waveform of some hundredths

_TINY_FLOW = {
    "vocab": 81,
    "speaker_width": 16,
    "encoder": {"width": 16, "heads": 2, "ff_width": 32, "layers": 1, "up_layers": 1},
    "estimator": {"channels": 16, "heads": 2, "head_width": 8, "blocks": 1, "mid_stages": 2, "time_width": 16},
    "steps": 2,
}
_TINY_T3 = {
    "speech_vocab": 90,
    "codes": 81,
    "start_speech": 81,
    "stop_speech": 82,
    "speaker_width": 16,
    "backbone": {"width": 16, "layers": 2, "heads": 2, "head_width": 8, "ffn_width": 32},
}
_TINY_DENSE = {"layers": 1, "dilation": 2}
_TINY: dict[str, Any] = {
    "flow": _TINY_FLOW,
    "t3": _TINY_T3,
    "hift": {"base_channels": 16, "f0": {"channels": 16}},
    "text": {"base_tokens": 12, "tokens_per_text_token": 1.0, "max_tokens": 60},
    "encoders": {
        "voice_encoder": {"width": 16, "embedding": 16},
        "x_vector": {"head_channels": 4, "width": 8, "growth": 4, "bottleneck": 8, "blocks": [_TINY_DENSE] * 3}
        | {"embedding": 16},
        "speech_tokenizer": {"width": 16, "heads": 2, "layers": 1, "digits": 4},
    },
}


def tiny(variant: Variant) -> dict[str, Any]:
    """gapless.json of the reduced size: text vocabularies stay as published, since the tokenizer's files do."""
    if variant.config.tail.silence_token is None:
        return {**_TINY, "t3": {**_TINY_T3, "perceiver_queries": 4}}
    return {**_TINY, "tail": {"silence_token": 80}}


class Values:
    """Random tensors by their published names."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, name: str, shape: tuple[int, ...]) -> Tensor:
        if name.endswith("num_batches_tracked"):
            return torch.zeros(shape, dtype=torch.int64)
        return self._offset(name, self._scale(name, shape) * self.normal(name, shape))

    def normal(self, name: str, shape: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode(), self._seed))
        return torch.randn(shape, generator=generator)

    def _scale(self, name: str, shape: tuple[int, ...]) -> float:
        """Activations keep their size: inputs by fan-in, what a residual branch adds is less."""
        if re.search(r"(emb|embed_tokens|wte|wpe)\.weight$", name):
            return 0.1
        if len(shape) < 2:
            return 0.05
        fan_in = shape[0] if name.startswith("tfmr.h.") else math.prod(shape[1:])  # Quirk: (in, out) in GPT-2
        adds = re.search(r"(o_proj|down_proj|c_proj|to_out\.0|linear_out|w_2|net\.2|convs2\.\d|attn\.out)\.", name)
        return (0.3 if adds else 1.0) / math.sqrt(fan_in)

    def _offset(self, name: str, tensor: Tensor) -> Tensor:
        if tensor.dim() == 1 and name.endswith((".weight", ".alpha")):  # of norms and of periodic activations
            return tensor + 1.0
        if name.endswith("running_var"):
            return tensor.abs() + 1.0
        if name.endswith("estimator.final_proj.bias"):
            return tensor + LN_MEL
        if name.endswith("mel2wav.conv_post.bias"):
            tensor[: len(tensor) // 2] += LN_MAGNITUDE
        if name.endswith("f0_predictor.classifier.bias"):
            return tensor + 120.0  # Hz
        return tensor


def state(networks: Iterable[tuple[nn.Module, Part]], values: Values) -> Iterator[tuple[str, Tensor]]:
    """What a file holds of these networks."""
    for network, part in networks:
        own = network.state_dict()
        for name, source in part.sources(own).items():
            shapes = source.shapes(own[name].shape)
            if source.is_normed:
                magnitude, direction = source.names
                tensor = values(direction, shapes[1])
                yield magnitude, source.split(tensor)[0]
                yield direction, 2.0 * tensor  # whose length says nothing
            else:
                for stored, shape in zip(source.names, shapes, strict=True):
                    yield stored, values(stored, shape)


def unused(config: ModelConfig, encoders: EncodersConfig, network: nn.Module) -> dict[str, tuple[int, ...]]:
    """What the published files hold beside the parameters of this network."""
    t3, tokenizer = config.t3, encoders.speech_tokenizer
    if isinstance(network, T3):
        table, rows = ("wte", t3.text_vocab) if t3.backbone.kind == "gpt2" else ("embed_tokens", 8)
        width = t3.backbone.width
        return {"text_head.weight": (t3.text_vocab, width), f"tfmr.{table}.weight": (rows, width)}
    if isinstance(network, SpeechTokenizer):
        return {"tokenizer._mel_filters": (tokenizer.mel_bins, 201), "tokenizer.window": (400,)}
    if isinstance(network, VoiceEncoder):
        return {"similarity_weight": (1,), "similarity_bias": (1,)}
    if isinstance(network, CAMPPlus):
        norms = [name.removesuffix("running_mean") for name in network.state_dict() if name.endswith("running_mean")]
        return {f"speaker_encoder.{norm}num_batches_tracked": () for norm in norms}
    return {}


def voice(config: ModelConfig, encoders: EncodersConfig, values: Values) -> dict[str, Any]:
    """conds.pt"""
    generator = torch.Generator().manual_seed(0)

    def tokens(count: int) -> Tensor:
        return torch.randint(config.t3.codes, (1, count), generator=generator)

    return {
        "t3": {
            "speaker_emb": nn.functional.normalize(values.normal("speaker_emb", (1, config.t3.speaker_width)).abs()),
            "clap_emb": None,
            "cond_prompt_speech_tokens": tokens(encoders.cloning.t3_tokens),
            "cond_prompt_speech_emb": None,
            "emotion_adv": torch.full((1, 1, 1), 0.5),
        },
        "gen": {
            "prompt_token": tokens(PROMPT_TOKENS),
            "prompt_token_len": torch.tensor([PROMPT_TOKENS]),
            "prompt_feat": LN_MEL + values.normal("prompt_feat", (1, 2 * PROMPT_TOKENS, config.flow.mel_bins)),
            "prompt_feat_len": None,
            "embedding": values.normal("embedding", (1, config.flow.speaker_width)),
        },
    }


def write(variant: Variant, directory: Path, size: str, seed: int = 0) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    if size == "tiny":
        (directory / OVERRIDES).write_text(json.dumps(tiny(variant), indent=1) + "\n", encoding="utf-8")
    t3_file = variant.t3[0].replace("*", variant.name.removeprefix("multilingual-").replace("-", "_"))
    config, encoders = configuration(variant, t3_file, directory / OVERRIDES)
    values = Values(seed)
    flow, vocoder, t3 = blank(lambda: Flow(config.flow)), blank(lambda: HiFT(config.hift)), blank(lambda: T3(config.t3))
    tokenizer = blank(lambda: SpeechTokenizer(encoders.speech_tokenizer))
    x_vector, voice_encoder = (
        blank(lambda: CAMPPlus(encoders.x_vector)),
        blank(lambda: VoiceEncoder(encoders.voice_encoder)),
    )
    files: dict[str, list[tuple[nn.Module, Part]]] = {
        t3_file: [(t3, names.T3)],
        variant.s3gen[0]: list(zip((flow, vocoder, tokenizer, x_vector), names.S3GEN, strict=True)),
        variant.ve[0]: [(voice_encoder, names.VOICE_ENCODER)],
    }
    for name, networks in files.items():
        tensors = dict(state(networks, values))
        for network, _ in networks:
            tensors |= {name: values(name, shape) for name, shape in unused(config, encoders, network).items()}
        _save(tensors, directory / name)
        print(f"{directory / name}: {len(tensors)} tensors, {(directory / name).stat().st_size / 1e6:.1f} MB")
        tensors.clear()  # before the next file's are made
    torch.save(voice(config, encoders, values), directory / variant.voice)
    write_text_files(variant, directory, config.t3.text_vocab)


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    if path.suffix == ".pt":
        torch.save(tensors, path)
    else:
        save_file(tensors, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("variant", choices=sorted(VARIANTS))
    parser.add_argument("directory", type=Path)
    parser.add_argument("--size", choices=("full", "tiny"), default="full")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(VARIANTS[arguments.variant], arguments.directory, arguments.size, arguments.seed)


if __name__ == "__main__":
    main()
