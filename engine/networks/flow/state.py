"""What a voice and a segment hold of the flow between two windows. Nothing here is ever changed in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.device.places import Place
from engine.networks.flow.attention import nbytes
from engine.networks.flow.conformer import EncoderState
from engine.networks.flow.estimator import EstimatorState
from engine.networks.flow.keys import joined, parted

Shifts = tuple[tuple[Tensor, ...], ...]  # per solver step, per stage [1, 1, C]: what its time adds


@dataclass(frozen=True)
class Context:
    """Tokens that are run in front of new ones, with their noise and what is given of their mel."""

    tokens: Tensor  # [B, K]; of one voice or one segment, B is 1
    noise: Tensor  # [B, 2K, F] float32
    mel: Tensor  # [B, <= 2K, F] float32, normalised; of the first frames

    def since(self, token: int) -> Context:
        """Returns the context without its first tokens."""
        frame = token * (self.noise.shape[1] // max(1, self.tokens.shape[1]))
        return Context(self.tokens[:, token:], self.noise[:, frame:], self.mel[:, frame:])

    def until(self, token: int) -> Context:
        """Returns the context of its first tokens."""
        frame = token * (self.noise.shape[1] // max(1, self.tokens.shape[1]))
        return Context(self.tokens[:, :token], self.noise[:, :frame], self.mel[:, :frame])

    def then(self, other: Context) -> Context:
        pairs = ((self.tokens, other.tokens), (self.noise, other.noise), (self.mel, other.mel))
        return Context(*(torch.cat(pair, 1) for pair in pairs))

    @staticmethod
    def joined(contexts: Sequence[Context]) -> Context:
        fields = [(one.tokens, one.noise, one.mel) for one in contexts]
        return Context(*(joined(rows, 0) for rows in zip(*fields, strict=True)))

    def parted(self, count: int) -> list[Context]:
        fields = [parted(rows, count, 0) for rows in (self.tokens, self.noise, self.mel)]
        return [Context(*rows) for rows in zip(*fields, strict=True)]

    @property
    def nbytes(self) -> int:
        return nbytes([self.tokens, self.noise, self.mel])


@dataclass(frozen=True)
class Memory:
    """What the layers keep of earlier tokens: keys, values and tails of convolutions."""

    encoder: EncoderState
    solver: tuple[EstimatorState, ...]  # per solver step

    def without_history(self) -> Memory:
        return Memory(self.encoder.without_history(), tuple(step.without_history() for step in self.solver))

    @staticmethod
    def joined(memories: Sequence[Memory]) -> Memory:
        if len(memories) == 1:
            return memories[0]
        steps = zip(*(memory.solver for memory in memories), strict=True)
        encoder = EncoderState.joined([memory.encoder for memory in memories])
        return Memory(encoder, tuple(EstimatorState.joined(step) for step in steps))

    def parted(self, count: int) -> list[Memory]:
        if count == 1:
            return [self]
        steps = zip(*(step.parted(count) for step in self.solver), strict=True)
        return [Memory(*parts) for parts in zip(self.encoder.parted(count), steps, strict=True)]

    @property
    def nbytes(self) -> int:
        return nbytes([*self.encoder.tensors(), *(tensor for step in self.solver for tensor in step.tensors())])


@dataclass(frozen=True)
class FlowPrompt:
    """A voice, prepared: everything a window needs that does not depend on the utterance. Shared by its segments."""

    whole: Context  # the prompt's tokens and mel
    block: int  # of its tokens are prepared; the rest is run in front of the segment
    speaker: Tensor  # [1, F] projected
    shifts: Shifts
    memory: Memory  # of the prepared tokens, which every window attends to
    start: Memory  # what a segment begins with: the tails of the same convolutions, no keys of its own
    seed: int = 0  # of its noise
    place: Place | None = None  # of its memory in standing tensors, if it has one

    @property
    def rest(self) -> Context:
        return self.whole.since(self.block)

    @property
    def n_rest(self) -> int:
        return self.whole.tokens.shape[1] - self.block

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
    def lengths(self) -> tuple[int, ...]:
        """What the shapes of this state's tensors follow from: the prompt's tokens in its block and after it, tokens
        and mel run again, frames held."""
        tokens, mel, held = self.context.tokens, self.context.mel, self.memory.solver[0].keys
        return (self.prompt.block, self.prompt.n_rest, tokens.shape[1], mel.shape[1], held.length)

    @property
    def nbytes(self) -> int:
        """Bytes that this segment holds, without the keys that it shares with the prompt."""
        shared = self.memory is self.prompt.start
        return self.context.nbytes + (0 if shared else self.memory.nbytes)
