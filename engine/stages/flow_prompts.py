"""Prompts of the flow in standing tensors, so that one graph serves all voices.

A voice's keys, tails, speaker and the rest of its prompt have a place for as long as somebody holds the prompt, and
lie nowhere else. All places have room for the longest prompt block; a shorter one stands at the end of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from engine.device.device import Device
from engine.device.places import Places
from engine.networks.flow.attention import nbytes
from engine.networks.flow.conformer import EncoderState
from engine.networks.flow.estimator import EstimatorState
from engine.networks.flow.flow import Flow
from engine.networks.flow.keys import Keys
from engine.networks.flow.state import FlowPrompt, Memory

ROOM = 256  # tokens, a little more than the 10 s to which a recording is cut before a voice is made of it


class FlowPrompts:
    """Owns the tensors. `rest` and what goes with it is what a segment's windows run in front of their own tokens."""

    def __init__(self, flow: Flow, device: torch.device, *, voices: int, room: int = ROOM) -> None:
        """For so many voices, whose prompt blocks have at most `room` tokens."""
        bins, self.lookahead, self.ratio = flow.config.mel_bins, flow.lookahead, flow.ratio
        self._device, self._room, self.places = Device.of(device), room, Places(voices)
        count = len(self.places)
        self._memory = _with_room(_empty(flow), count, room, flow.ratio, device)
        self.speaker = torch.zeros(count, bins, dtype=flow.dtype, device=device)
        self.rest = torch.zeros(count, flow.lookahead, dtype=torch.int64, device=device)
        self.rest_mel = torch.zeros(count, flow.ratio * flow.lookahead, bins, device=device)
        self._rows = 1 + flow.is_guided

    @torch.inference_mode()
    def settle(self, prompt: FlowPrompt) -> FlowPrompt:
        """The same prompt in a place of its own, or as it was where it finds none, or has nothing that is prepared. It
        waits for the device."""
        if not 0 < prompt.block <= self._room or prompt.n_rest > self.lookahead or not self.places.free:
            return prompt
        (place,) = self.places.take(1)
        memory = _cut(self._memory, place.index, self._rows, prompt.block, self.ratio)
        for there, tensor in zip(_tensors(memory), _tensors(prompt.memory), strict=True):
            there.copy_(tensor)
        self.speaker[place.index] = prompt.speaker[0]
        self.rest[place.index, : prompt.n_rest] = prompt.rest.tokens[0]
        self.rest_mel[place.index, : prompt.rest.mel.shape[1]] = prompt.rest.mel[0]
        self._device.finish()  # its readers have streams of their own
        return replace(prompt, memory=memory, start=memory.without_history(), place=place)

    def memory(self, places: Tensor, *, in_place: bool = False) -> Memory:
        """Of the prompts in these places [B]; nothing but tails is copied before it is used. `in_place`: and the
        estimator's keys not even then."""
        rows = (places[:, None] * self._rows + torch.arange(self._rows, device=places.device)).flatten()
        encoder = self._memory.encoder
        return Memory(
            EncoderState(
                encoder.ahead.index_select(0, places),
                replace(encoder.keys, rows=places),
                encoder.upsampled.index_select(0, places),
                replace(encoder.up_keys, rows=places),
            ),
            tuple(
                EstimatorState(step.tails.index_select(0, rows), replace(step.keys, rows=rows, in_place=in_place))
                for step in self._memory.solver
            ),
        )


def voice_bytes(flow: Flow, room: int = ROOM) -> int:
    """What one voice takes."""
    return nbytes(list(_tensors(_with_room(_empty(flow), 1, room, flow.ratio, torch.device("meta")))))


def _empty(flow: Flow) -> Memory:
    return flow.no_memory(torch.zeros(1, flow.config.mel_bins, dtype=flow.dtype, device="meta"))


def _tensors(memory: Memory) -> Iterator[Tensor]:
    yield from memory.encoder.tensors()
    for step in memory.solver:
        yield from step.tensors()


def _with_room(empty: Memory, count: int, room: int, ratio: int, device: torch.device) -> Memory:
    """Zeros of `count` places for `room` tokens each, by the shapes of one memory without any."""

    def tails(like: Tensor) -> Tensor:
        return torch.zeros(count * like.shape[0], *like.shape[1:], dtype=like.dtype, device=device)

    def keys(like: Keys, positions: int) -> Keys:
        layers, two, rows, heads, _, width = like.parts[0].shape
        shape = (layers, two, count * rows, heads, positions, width)
        return Keys((torch.zeros(shape, dtype=like.parts[0].dtype, device=device),))

    encoder = empty.encoder
    return Memory(
        EncoderState(
            tails(encoder.ahead),
            keys(encoder.keys, room),
            tails(encoder.upsampled),
            keys(encoder.up_keys, ratio * room),
        ),
        tuple(EstimatorState(tails(step.tails), keys(step.keys, ratio * room)) for step in empty.solver),
    )


def _cut(memory: Memory, place: int, rows: int, block: int, ratio: int) -> Memory:
    """The place's own memory, of a block of so many tokens."""

    def keys(all_of_them: Keys, rows: int, positions: int) -> Keys:
        (part,) = all_of_them.parts
        return Keys((part[:, :, place * rows : (place + 1) * rows, :, part.shape[4] - positions :],))

    encoder = memory.encoder
    return Memory(
        EncoderState(
            encoder.ahead[place : place + 1],
            keys(encoder.keys, 1, block),
            encoder.upsampled[place : place + 1],
            keys(encoder.up_keys, 1, ratio * block),
        ),
        tuple(
            EstimatorState(step.tails[place * rows : (place + 1) * rows], keys(step.keys, rows, ratio * block))
            for step in memory.solver
        ),
    )
