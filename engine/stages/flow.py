"""Speech tokens -> mel: windows of one or several utterances. The flow starts anew with every segment."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from engine.device.device import Device
from engine.model import Model, Voice
from engine.networks import noise
from engine.networks.flow.state import FlowState
from engine.scheduling.jobs import FlowWork
from engine.stages.flow_graphs import FlowGraphs, PlacedFlow


@dataclass(frozen=True)
class SegmentState:
    """One utterance between two windows."""

    voice: Voice
    seed: int
    flow: FlowState | PlacedFlow | None = None  # None: its segment has had no window


class FlowStage:
    def __init__(self, model: Model, graphs: FlowGraphs | None = None) -> None:
        """`graphs`: of the model's flow; None: its operations are launched one by one."""
        self._model = model
        self._graphs = graphs
        self._closing = closing(model)

    def settle(self, voice: Voice) -> Voice:
        """The voice where the stage's graphs read it, if they have room for it. For the thread that prepared it."""
        return voice if self._graphs is None else replace(voice, flow=self._graphs.settle(voice.flow))

    def open(self, voice: Voice, seed: int) -> SegmentState:
        return SegmentState(voice, seed)

    def alike(self, state: SegmentState, work: FlowWork) -> Hashable:
        n_new, flow = self._n_new(work), self._begun(state, work)
        seen = len(work.tokens) - work.n_new
        if isinstance(flow, PlacedFlow):
            assert self._graphs is not None
            return self._graphs.alike(flow, n_new + seen)
        return self._model.flow.batch_key(flow, n_new, seen, work.final)

    @torch.inference_mode()
    def run(self, states: Sequence[SegmentState], works: Sequence[FlowWork]) -> list[tuple[Tensor, SegmentState]]:
        """Returns the mel [1, F, T] of each window and the state that follows it. All windows must be alike: either all
        of them have places or none has."""
        rows = [[*work.tokens, *(self._closing if work.final else ())] for work in works]
        begun = [self._begun(state, work) for state, work in zip(states, works, strict=True)]
        placed = [flow for flow in begun if isinstance(flow, PlacedFlow)]
        done: list[tuple[Tensor, Any]]
        if not placed:
            done = self._launch(rows, begun, works[0])
        elif self._graphs and self._graphs.covers(placed[0], max(map(len, rows)), len(rows)):
            done = self._graphs.run(rows, [self._n_new(work) for work in works], placed)
        else:  # they are alike for a graph only
            done = [self._launch([row], [flow], work)[0] for row, flow, work in zip(rows, begun, works, strict=True)]
        Device.of(self._model.device).finish()  # another thread reads the mel, who waited is told how long it took
        return [
            (mel, replace(state, flow=None if work.final else flow))
            for state, work, (mel, flow) in zip(states, works, done, strict=True)
        ]

    def _launch(
        self, rows: Sequence[Sequence[int]], begun: Sequence[FlowState | PlacedFlow], first: FlowWork
    ) -> list[tuple[Tensor, FlowState]]:
        model = self._model
        states = [flow if isinstance(flow, FlowState) else self._taken_out(flow) for flow in begun]
        tokens = Device.of(model.device).upload(torch.tensor(rows, dtype=torch.int64))
        mel, following = model.flow.windows(tokens, self._n_new(first), states, final=first.final)
        return list(zip(mel.split(1), following, strict=True))

    def _taken_out(self, flow: PlacedFlow) -> FlowState:
        assert self._graphs is not None
        return self._graphs.eager(flow)

    def _begun(self, state: SegmentState, work: FlowWork) -> FlowState | PlacedFlow:
        if state.flow is not None:
            return state.flow
        seed, prompt = noise.fold(state.seed, work.segment), state.voice.flow
        if self._graphs is not None and prompt.place is not None:
            return PlacedFlow(prompt, seed)
        return self._model.flow.init_state(prompt, seed)

    def _n_new(self, work: FlowWork) -> int:
        """With what a segment is closed by."""
        return work.n_new + (len(self._closing) if work.final else 0)


def closing(model: Model) -> tuple[int, ...]:
    """The tokens that a segment is closed by."""
    tail = model.config.tail
    return () if tail.silence_token is None else (tail.silence_token,) * tail.silence_tokens
