"""What is promised of an utterance's memory holds when it speaks, in every form of the flow; and limits act."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.checkpoints import load
from engine.device.device import Device
from engine.engine import LocalEngine
from engine.errors import ModelError, Overloaded
from engine.messages import Utterance
from engine.model import Model
from engine.networks.flow.state import FlowState
from engine.options import EngineOptions
from engine.scheduling.jobs import FlowWork, Stages, VocoderWork
from engine.speak import speak
from engine.stages import utterance_memory
from engine.stages.flow import SegmentState
from engine.stages.utterance_memory import UtteranceMemory
from engine.stages.vocoder import SoundState
from tests.engine.tiny import CONFIG, write_tiny_model

LONG = "the old man who lived beside the river walked slowly home through the rain and said nothing at all to anyone."


@dataclass
class Held:
    """The largest states that were seen between two pieces of work."""

    flow: int = 0
    vocoder: int = 0
    cache: Any = field(default=None)


class WatchedFlow:
    def __init__(self, stage: Any, held: Held) -> None:
        self._stage, self._held = stage, held
        self.open, self.alike = stage.open, stage.alike

    def run(self, states: Sequence[Any], works: Sequence[FlowWork]) -> list[tuple[Any, Any]]:
        done: list[tuple[Any, SegmentState]] = self._stage.run(states, works)
        for _, state in done:
            if isinstance(state.flow, FlowState):
                self._held.flow = max(self._held.flow, state.flow.nbytes)
        return list(done)


class WatchedVocoder:
    def __init__(self, stage: Any, held: Held) -> None:
        self._stage, self._held = stage, held
        self.open, self.pause, self.alike = stage.open, stage.pause, stage.alike

    def run(self, states: Sequence[SoundState], works: Sequence[VocoderWork]) -> list[tuple[Any, SoundState]]:
        done: list[tuple[Any, SoundState]] = self._stage.run(states, works)
        self._held.vocoder = max(self._held.vocoder, *(utterance_memory.nbytes(state) for _, state in done))
        return done


def watch(held: Held) -> Callable[[Stages], Stages]:
    def wrap(stages: Stages) -> Stages:
        held.cache = stages.tokens._cache  # type: ignore[attr-defined]
        return replace(stages, mel=WatchedFlow(stages.mel, held), sound=WatchedVocoder(stages.sound, held))

    return wrap


def spoken(model: Model, text: str) -> tuple[UtteranceMemory, Held]:
    held = Held()
    several_windows = EngineOptions(max_utterances=1, by_deadline=False)  # by deadline all may be one, without a state
    engine = LocalEngine(model, several_windows, watch(held))
    try:
        speak(engine, Utterance(id="a", seed=1), text)
        return engine._memory, held
    finally:
        engine.close()


def check(promised: UtteranceMemory, held: Held) -> None:
    assert held.cache.attention.kv.nbytes == promised.t3
    assert 0 < held.flow <= promised.flow
    assert 0 < held.vocoder <= promised.vocoder
    assert promised.vocoder <= 1.2 * held.vocoder


@pytest.mark.parametrize("form", ["cached", "windowed", "cumulative"])
def test_states_stay_within_what_is_promised(tmp_path: Path, form: str) -> None:
    flow = {**CONFIG["flow"], "form": form}
    model = load(str(write_tiny_model(tmp_path / "tiny", flow=flow)))
    promised, held = spoken(model, LONG)
    check(promised, held)


@pytest.mark.parametrize("form", ["cached", "windowed", "cumulative"])
def test_a_long_segment_needs_what_is_promised_and_little_less(tmp_path: Path, form: str) -> None:
    flow = {**CONFIG["flow"], "form": form}
    model = load(str(write_tiny_model(tmp_path / "tiny", flow=flow)))
    promised = utterance_memory.of_utterance(model, ledger_tokens=0, channel_samples=0, proposals=False).flow
    longest, n_new = model.config.text.max_tokens, 8
    state = model.flow.init_state(model.prepare(model.voices["one"]).flow, seed=1)
    held = []
    for _ in range(longest // n_new):
        tokens = torch.zeros(1, n_new + model.flow.lookahead, dtype=torch.int64)
        _, state = model.flow.window(tokens, n_new, state)
        held.append(state.nbytes)
    assert max(held) <= promised
    assert promised <= (1.2 if form != "cumulative" else 2.0) * max(held)


def test_the_embedded_voice_holds_nearly_what_is_promised() -> None:
    promised, held = spoken(load(), LONG)
    check(promised, held)
    assert promised.flow <= 1.2 * held.flow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")))


def limited(model: Model, **options: Any) -> int:
    engine = LocalEngine(model, EngineOptions(**options))
    try:
        info = engine.info()
        assert info.max_utterances * info.utterance_bytes <= info.utterance_memory_bytes
        return info.max_utterances
    finally:
        engine.close()


def one_of(model: Model) -> int:
    engine = LocalEngine(model, EngineOptions(max_utterances=1))
    engine.close()
    return engine.info().utterance_bytes


def test_memory_limits_how_many_are_let_in(model: Model) -> None:
    one = one_of(model)
    assert limited(model, max_utterances=8) == 8
    assert limited(model, max_utterances=8, utterance_memory_bytes=3 * one + one // 2) == 3
    assert limited(model, max_utterances=2, utterance_memory_bytes=3 * one) == 2
    assert limited(model, utterance_memory_bytes=5 * one) == 5


def test_whoever_finds_no_memory_is_refused_with_a_hint(model: Model) -> None:
    engine = LocalEngine(model, EngineOptions(max_utterances=8, utterance_memory_bytes=one_of(model)))
    try:
        engine.submit(Utterance(id="a"), lambda event: None)
        with pytest.raises(Overloaded, match="1 of 1") as refused:
            engine.submit(Utterance(id="b"), lambda event: None)
        assert refused.value.retry_after_s > 0
    finally:
        engine.close()


def test_memory_for_not_even_one_is_an_error_at_start(model: Model) -> None:
    with pytest.raises(ModelError, match=r"one utterance holds up to 0\.\d MiB; --utterance-memory gives all 0\.0 MiB"):
        LocalEngine(model, EngineOptions(utterance_memory_bytes=1000))


def test_a_proposal_counts_as_a_second_state(model: Model) -> None:
    plain = utterance_memory.of_utterance(model, ledger_tokens=10, channel_samples=960, proposals=False)
    speculating = utterance_memory.of_utterance(model, ledger_tokens=10, channel_samples=960, proposals=True)
    assert speculating == replace(plain, flow=2 * plain.flow)


def test_waiting_audio_and_tokens_count(model: Model) -> None:
    small = utterance_memory.of_utterance(model, ledger_tokens=10, channel_samples=960, proposals=False)
    large = utterance_memory.of_utterance(model, ledger_tokens=20, channel_samples=9600, proposals=False)
    assert large.waiting - small.waiting >= 8640 * 4
    assert replace(large, waiting=0) == replace(small, waiting=0)


def test_free_memory_is_known_here() -> None:
    assert 2**20 < Device.of(torch.device("cpu")).free_bytes() < 2**50


def test_all_tensors_of_a_state_are_found() -> None:
    one = torch.zeros(3)

    @dataclass
    class Inner:
        pair: tuple[torch.Tensor | None, int]

    @dataclass
    class Outer:
        inner: Inner
        own: torch.Tensor

    assert utterance_memory.nbytes(Outer(Inner((one, 3)), torch.zeros(2, dtype=torch.float64))) == 12 + 16
