"""How the published files name the tensors of these networks: parameter -> the names it is made of, and back.

T3 has the published names. The flow joins queries, keys and values into one matrix and shortens names. The vocoder's
convolutions are stored with weight normalisation (2 tensors, magnitude and direction), which is folded here. The
networks that only cloning needs have the published names as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Source:
    """Where a parameter comes from."""

    names: tuple[str, ...]  # joined along the first axis
    is_normed: bool = False  # the two names are magnitude and direction

    def shapes(self, shape: Sequence[int]) -> list[tuple[int, ...]]:
        """Of the tensors in the file, for a parameter of this shape."""
        if self.is_normed:
            return [(shape[0], *[1] * (len(shape) - 1)), tuple(shape)]
        return [(shape[0] // len(self.names), *shape[1:])] * len(self.names) if shape else [()]

    def build(self, tensors: Sequence[Tensor]) -> Tensor:
        if not self.is_normed:
            return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))
        magnitude, direction = (tensor.float() for tensor in tensors)
        return direction * (magnitude / _norm(direction))

    def split(self, parameter: Tensor) -> list[Tensor]:
        """The way back: what a file holds of this parameter."""
        if not self.is_normed:
            return list(parameter.chunk(len(self.names))) if len(self.names) > 1 else [parameter]
        return [_norm(parameter), parameter]


def _norm(direction: Tensor) -> Tensor:
    """[C, ...] -> [C, 1 ...], over all axes but the first."""
    norm: Tensor = torch.linalg.vector_norm(direction, dim=list(range(1, direction.dim())), keepdim=True)
    return norm


@dataclass(frozen=True)
class Part:
    """One network's share of a file."""

    prefix: str  # of its names there
    unused: tuple[str, ...] = ()  # patterns of names behind the prefix that may be there and are not loaded

    def sources(self, parameters: Mapping[str, Tensor]) -> dict[str, Source]:
        """For every parameter and stored buffer of the network, by its own name."""
        return {name: self._source(name, tensor) for name, tensor in parameters.items()}

    def _source(self, name: str, tensor: Tensor) -> Source:
        return Source((self.prefix + name,))

    def is_unused(self, name: str) -> bool:
        return any(re.fullmatch(re.escape(self.prefix) + pattern, name) for pattern in self.unused)


_FLOW_RENAMES = (
    (r"embed\.linear\.", "embed.out.0."),
    (r"embed\.norm\.", "embed.out.1."),
    (r"^estimator\.(down|up)_conv\.", r"estimator.\1_blocks.0.2."),
    (r"^estimator\.(down|up)\.", r"estimator.\1_blocks.0."),
    (r"^estimator\.mid\.", "estimator.mid_blocks."),
    (r"(_blocks\.\d+\.)resnet\.", r"\g<1>0."),
    (r"(_blocks\.\d+\.)blocks\.", r"\g<1>1."),
    (r"\.0\.time\.", ".0.mlp.1."),
    (r"(block\d?)\.conv\.", r"\1.block.0."),
    (r"(block\d?)\.norm\.", r"\1.block.2."),
    (r"(\.1\.\d+)\.to_out\.", r"\1.attn1.to_out.0."),
    (r"\.ff_in\.", ".ff.net.0.proj."),
    (r"\.ff_out\.", ".ff.net.2."),
    (r"^estimator\.", "decoder.estimator."),
)
_FLOW_JOINED = (
    (r"(\.1\.\d+)\.to_qkv\.", (r"\1.attn1.to_q.", r"\1.attn1.to_k.", r"\1.attn1.to_v.")),
    (r"\.linear_qkv\.", (".linear_q.", ".linear_k.", ".linear_v.")),
)


class _FlowPart(Part):
    def _source(self, name: str, tensor: Tensor) -> Source:
        for pattern, replacement in _FLOW_RENAMES:
            name = re.sub(pattern, replacement, name)
        for pattern, parts in _FLOW_JOINED:
            if re.search(pattern, name):
                return Source(tuple(self.prefix + re.sub(pattern, part, name) for part in parts))
        return Source((self.prefix + name,))


class _VocoderPart(Part):
    def _source(self, name: str, tensor: Tensor) -> Source:
        if tensor.dim() != 3 or name.startswith("source_downs."):  # Quirk: these alone have no weight normalisation
            return super()._source(name, tensor)
        stem = self.prefix + name.removesuffix("weight") + "parametrizations.weight.original"
        return Source((stem + "0", stem + "1"), is_normed=True)


T3 = Part("", unused=(r"text_head\.weight", r"tfmr\.embed_tokens\.weight", r"tfmr\.wte\.weight"))
FLOW = _FlowPart("flow.")
VOCODER = _VocoderPart("mel2wav.")
# The front end's tables are computed, and the language packs have none; batch counters are of no use after training.
SPEECH_TOKENIZER = Part("tokenizer.", unused=(r"_mel_filters", r"window"))
X_VECTOR = Part("speaker_encoder.", unused=(r".*\.num_batches_tracked",))
VOICE_ENCODER = Part("", unused=("similarity_weight", "similarity_bias"))
S3GEN = (FLOW, VOCODER, SPEECH_TOKENIZER, X_VECTOR)
