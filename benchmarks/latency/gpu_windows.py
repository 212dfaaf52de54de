"""How long do windows of the flow and of the vocoder take, alone and together, until what they make is there?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from engine.device.device import Device
from engine.model import Model
from engine.scheduling.jobs import FlowWork, VocoderWork
from engine.stages.build import flow_graphs, vocoder_graphs
from engine.stages.flow import FlowStage
from engine.stages.vocoder import VocoderStage

WINDOW = 25  # tokens: 1 s
WARM, TIMED = 3, 5  # windows


@dataclass(frozen=True, kw_only=True)
class Windows:
    rows: int
    flow_ms: float  # the median
    vocoder_ms: float
    held_bytes: int  # of the device's memory, afterwards

    def __str__(self) -> str:
        times = f"flow {self.flow_ms:.1f} ms, vocoder {self.vocoder_ms:.1f} ms"
        return f"{self.rows:4} windows at once: {times}, {self.held_bytes / 2**20:.0f} MiB of the device held"


def windows(model: Model, rows: Sequence[int]) -> Iterator[Windows]:
    """Windows of one second, each with the history that a window has at most."""
    device, most = Device.of(model.device), max(rows, default=1)
    flow = FlowStage(
        model,
        flow_graphs(model, device, places=2 * most, batch=most, largest=WINDOW, voice_bytes=0),  # of one voice
    )
    vocoder = VocoderStage(model, graphs=vocoder_graphs(model, device, utterances=most, batch=most, largest=WINDOW))
    voice = flow.settle(model.prepare(model.voices[model.config.default_voice]))
    tokens = torch.randint(model.config.flow.vocab, (WINDOW + model.flow.lookahead,)).tolist()
    work = FlowWork(tokens=tuple(tokens), n_new=WINDOW, segment=0, final=False)
    for count in rows:
        mels: list[Any] = []

        def spoken(states: list[Any], count: int = count, mels: list[Any] = mels) -> list[Any]:
            done = flow.run(states, [work] * count)
            mels[:] = [mel for mel, _ in done]
            return [state for _, state in done]

        def heard(states: list[Any], mels: list[Any] = mels) -> list[Any]:
            works = [VocoderWork(mel=mel, segment=0, final=False, ends_sentence=False, pause_s=0.0) for mel in mels]
            return [state for _, state in vocoder.run(states, works)]

        flow_ms = _median_ms(spoken, [flow.open(voice, seed) for seed in range(count)])
        vocoder_ms = _median_ms(heard, [vocoder.open(voice, seed) for seed in range(count)])
        yield Windows(rows=count, flow_ms=flow_ms, vocoder_ms=vocoder_ms, held_bytes=device.held_bytes())


def _median_ms(work: Callable[[list[Any]], list[Any]], states: list[Any]) -> float:
    """Of a stage's window: it returns when what it made is there."""
    times = []
    for _ in range(WARM + TIMED):
        started = time.perf_counter()
        states = work(states)
        times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times[WARM:])
