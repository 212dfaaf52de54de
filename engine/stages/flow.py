"""Speech tokens -> mel: windows of one or several utterances. The flow starts anew with every segment."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.device.device import Device
from engine.model import Model, Voice
from engine.networks import noise
from engine.networks.flow.state import FlowState
from engine.scheduling.jobs import FlowWork


@dataclass(frozen=True)
class SegmentState:
    """One utterance between two windows."""

    voice: Voice
    seed: int
    flow: FlowState | None = None  # None: its segment has had no window


class FlowStage:
    def __init__(self, model: Model) -> None:
        self._model = model
        tail = model.config.tail
        self._closing = () if tail.silence_token is None else (tail.silence_token,) * tail.silence_tokens

    def open(self, voice: Voice, seed: int) -> SegmentState:
        return SegmentState(voice, seed)

    def alike(self, state: SegmentState, work: FlowWork) -> Hashable:
        n_new = self._n_new(work)
        seen = len(work.tokens) - work.n_new
        return self._model.flow.batch_key(self._begun(state, work), n_new, seen, work.final)

    @torch.inference_mode()
    def run(self, states: Sequence[SegmentState], works: Sequence[FlowWork]) -> list[tuple[Tensor, SegmentState]]:
        """Returns the mel [1, F, T] of each window and the state that follows it. All windows must be alike."""
        model, first = self._model, works[0]
        rows = [[*work.tokens, *(self._closing if work.final else ())] for work in works]
        device = Device.of(model.device)
        tokens = device.upload(torch.tensor(rows, dtype=torch.int64))
        begun = [self._begun(state, work) for state, work in zip(states, works, strict=True)]
        mel, following = model.flow.windows(tokens, self._n_new(first), begun, final=first.final)
        device.finish()  # another thread reads the mel, and who waited for it is told how long it took
        after = [None if work.final else flow for work, flow in zip(works, following, strict=True)]
        return [
            (mel[row : row + 1], replace(state, flow=flow))
            for row, (state, flow) in enumerate(zip(states, after, strict=True))
        ]

    def _begun(self, state: SegmentState, work: FlowWork) -> FlowState:
        return state.flow or self._model.flow.init_state(state.voice.flow, noise.fold(state.seed, work.segment))

    def _n_new(self, work: FlowWork) -> int:
        """With what a segment is closed by."""
        return work.n_new + (len(self._closing) if work.final else 0)
