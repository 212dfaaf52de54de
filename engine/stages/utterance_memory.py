"""What one utterance may hold at most, in bytes, and how many utterances therefore fit: admission by memory.

The count holds what stays between two steps and two windows, from the shapes of the loaded networks. It leaves out the
voice (`--voice-memory` bounds those), the text, and what each worker needs once while it runs a step or a window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from engine.device import memory
from engine.device.device import Device
from engine.errors import ModelError
from engine.messages import FASTEST
from engine.model import Model
from engine.networks.flow.keys import Keys
from engine.networks.pulse.timbre import Timbre
from engine.networks.vocoders import begun, vocoder
from engine.options import EngineOptions
from engine.stages.t3 import positions
from engine.stages.tempo import MOST_KEPT
from engine.stages.watermark import Watermark

TOKEN_BYTES = 120  # of a token in the ledger: itself and two instants, each a Python int in a deque
FIXED_UTTERANCES = 8  # of a deterministic engine: T3's batch, and so its rounding, must not follow a measurement
MOST_UTTERANCES = 128  # that are measured for
PLACES = 2  # of an utterance in a GPU's standing tensors: of a stage's state, and of the one that follows it


@dataclass(frozen=True, kw_only=True)
class UtteranceMemory:
    """What one utterance holds at most, by its parts, in bytes."""

    t3: int  # its rows of the cache, full
    flow: int  # states of a segment
    vocoder: int  # tails, the tempo's and the mark's
    waiting: int  # tokens, mel and audio in the bounded buffers

    @property
    def total(self) -> int:
        return self.t3 + self.flow + self.vocoder + self.waiting


def tensors(state: Any) -> Iterator[Tensor]:
    """Yields all tensors of a state, which consists of dataclasses and tuples of them."""
    if isinstance(state, Tensor):
        yield state
    elif is_dataclass(state):
        for field in fields(state):
            yield from tensors(getattr(state, field.name))
    elif isinstance(state, tuple | list):
        for part in state:
            yield from tensors(part)


def nbytes(state: Any) -> int:
    return sum(tensor.nbytes for tensor in tensors(state))


def of_utterance(
    model: Model, *, ledger_tokens: int, channel_samples: int, proposals: bool, watermark: Watermark | None = None
) -> UtteranceMemory:
    """`proposals`: whether a second state of the flow may wait to be committed."""
    channel_tokens = math.ceil(channel_samples * FASTEST / model.samples_per_token)
    return UtteranceMemory(
        t3=_t3(model),
        flow=_flow(model) * (2 if proposals else 1),
        vocoder=_vocoder(model) + _mel(model, MOST_KEPT) + (nbytes(watermark.init_state()) if watermark else 0),
        waiting=ledger_tokens * TOKEN_BYTES + channel_samples * 4 + channel_tokens * _mel(model, model.flow.ratio),
    )


def places(options: EngineOptions, one: UtteranceMemory, device: Device) -> tuple[int, int]:
    """How many utterances fit, and how many bytes all of them may hold. Raises ModelError if none fits."""
    wanted = options.max_utterances or (FIXED_UTTERANCES if options.deterministic else MOST_UTTERANCES)
    limit = options.utterance_memory_bytes
    if limit is None and options.max_utterances is not None:
        limit = wanted * one.total
    if limit is None:
        limit = max(one.total, round(memory.UTTERANCES * device.free_bytes()))
    if one.total > limit:
        needed, given = one.total / 2**20, limit / 2**20
        raise ModelError(f"one utterance holds up to {needed:.1f} MiB; --utterance-memory gives all {given:.1f} MiB")
    return min(wanted, limit // one.total), limit


def _t3(model: Model) -> int:
    rows = 2 if model.t3.config.guidance else 1
    return nbytes(model.t3.init_cache(rows, positions(model.config)))


def _flow(model: Model) -> int:
    flow, config, ratio = model.flow, model.flow.config, model.flow.ratio
    encoder = flow.encoder.init_state(torch.zeros(1, config.encoder.width, dtype=flow.dtype))
    step = flow.estimator.init_state(torch.zeros(2 if config.guidance else 1, 1, dtype=flow.dtype))
    tails, history, closing = nbytes(encoder) + config.steps * nbytes(step), config.history_tokens, flow.lookahead
    if config.form == "cached":
        keys = _keys(encoder.keys, history) + _keys(encoder.up_keys, ratio * history)
        return tails + keys + config.steps * _keys(step.keys, ratio * history) + closing * _context(model)
    if config.form == "windowed":
        return (closing + history) * _context(model)
    prompt = max((voice.prompt_token.shape[1] for voice in model.voices.values()), default=0)
    return (prompt + model.config.text.max_tokens) * _context(model)


def _context(model: Model) -> int:
    """Bytes of a token that is run again: itself, its noise and its mel."""
    return 8 + 2 * _mel(model, model.flow.ratio)


def _mel(model: Model, frames: int) -> int:
    return frames * model.flow.config.mel_bins * 4


def _keys(keys: Keys, length: int) -> int:
    """Bytes of keys like these, of so many positions."""
    return sum(math.prod((*part.shape[:-2], length, part.shape[-1])) * part.element_size() for part in keys.parts)


def _vocoder(model: Model) -> int:
    """The layers tell it, run on tensors without data; in float32, the widest arithmetic that they may use, and with a
    timbre of a voice's own, for which they remember more."""
    config = model.config.vocoder
    with torch.device("meta"), torch.no_grad():
        probe = vocoder(config)
        frames = 96
        _, state = probe(torch.empty(1, config.mel_bins, frames), begun(probe, 0, Timbre(formants=0.9)))
    return nbytes(state) * (1 if Device.of(model.device).is_cpu else PLACES)
