"""What a voice and a segment hold of the flow between two windows. Nothing here is ever changed in place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.conformer import EncoderState
from engine.models.estimator import EstimatorState
from engine.models.windows import nbytes


@dataclass(frozen=True)
class Context:
    """Tokens that are run in front of new ones, with their noise and what is given of their mel."""

    tokens: Tensor  # [1, K]
    noise: Tensor  # [1, 2K, F] float32
    mel: Tensor  # [1, <= 2K, F] float32, normalised; of the first frames

    def since(self, token: int) -> Context:
        """Without the first tokens."""
        frame = token * (self.noise.shape[1] // max(1, self.tokens.shape[1]))
        return Context(self.tokens[:, token:], self.noise[:, frame:], self.mel[:, frame:])

    def then(self, other: Context) -> Context:
        pairs = ((self.tokens, other.tokens), (self.noise, other.noise), (self.mel, other.mel))
        return Context(*(torch.cat(pair, 1) for pair in pairs))

    @property
    def nbytes(self) -> int:
        return nbytes([self.tokens, self.noise, self.mel])


@dataclass(frozen=True)
class Memory:
    """What the layers know of the tokens before: keys, values and tails of convolutions."""

    encoder: EncoderState
    solver: tuple[EstimatorState, ...]  # per solver step

    def without_history(self) -> Memory:
        return Memory(self.encoder.without_history(), tuple(step.without_history() for step in self.solver))

    @property
    def nbytes(self) -> int:
        return nbytes([*self.encoder.tensors(), *(tensor for step in self.solver for tensor in step.tensors())])


@dataclass(frozen=True)
class FlowPrompt:
    """A voice, prepared: everything a window needs that does not depend on the utterance. Shared by its segments."""

    whole: Context  # the prompt's tokens and mel
    block: int  # of its tokens are prepared; the rest is run in front of the segment
    speaker: Tensor  # [1, F] projected
    shifts: tuple[tuple[Tensor, ...], ...]  # per solver step, per stage [1, 1, C]: what its time adds
    memory: Memory  # of the prepared tokens, which every window attends to
    start: Memory  # what a segment begins with: the tails of the same convolutions, no keys of its own

    @property
    def rest(self) -> Context:
        return self.whole.since(self.block)

    @property
    def nbytes(self) -> int:
        own = [self.speaker, *(tensor for step in self.shifts for tensor in step)]
        return self.whole.nbytes + nbytes(own) + self.memory.nbytes


@dataclass(frozen=True)
class FlowState:
    """One segment, after some windows."""

    prompt: FlowPrompt
    seed: int
    position: int  # tokens committed
    context: Context  # what the next window runs in front of its new tokens
    memory: Memory

    @property
    def nbytes(self) -> int:
        """Of this segment, without the keys that it shares with the prompt."""
        shared = self.memory is self.prompt.start
        return self.context.nbytes + (0 if shared else self.memory.nbytes)
