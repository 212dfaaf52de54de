"""The engine around its utterances: what it measures at start, what it did, and how it says that it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.errors import EngineBroken, Fault, Overloaded
from engine.loading import load as load_engine
from engine.messages import EngineStats, Failed, Utterance
from engine.model import Model
from engine.options import EngineOptions
from engine.scheduling.fitting import LEAST_WAIT_S, MOST_WAIT_S, OPEN_WAIT_S
from engine.scheduling.jobs import Stages
from engine.scheduling.throughput import audio_per_s
from engine.speak import events, speak
from engine.stages.utterance_memory import FIXED_UTTERANCES
from tests.engine.tiny import write_tiny_model

TEXT = "Hello there, my friend. How are you today?"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def model(directory: str) -> Model:
    return load(directory)


@pytest.fixture
def engine(model: Model) -> Iterator[LocalEngine]:
    engine = LocalEngine(model, EngineOptions(max_utterances=4))
    yield engine
    engine.close()


def test_what_fits_is_measured_when_the_engine_is_loaded(directory: str) -> None:
    engine = load_engine(directory, EngineOptions(utterance_memory_bytes=2 << 20))
    try:
        room = (2 << 20) // engine.info().utterance_bytes
        assert 1 <= engine.info().max_utterances <= room
        for index in range(engine.info().max_utterances):
            engine.submit(Utterance(id=str(index)), lambda event: None)
        with pytest.raises(Overloaded):
            engine.submit(Utterance(id="more"), lambda event: None)
    finally:
        engine.close()


def test_a_deterministic_engine_does_not_depend_on_a_measurement(model: Model) -> None:
    """T3's batch has a row for every utterance: another number of them rounds otherwise."""
    engine = LocalEngine(model, EngineOptions(deterministic=True))
    engine.close()
    assert engine.info().max_utterances == FIXED_UTTERANCES


def test_a_crowd_is_measured_and_leaves_nothing_behind(engine: LocalEngine) -> None:
    assert audio_per_s(engine, "one", 4, 20) > 0
    assert engine.stats() == EngineStats(utterances=0, tokens_waiting=0, samples_unreleased=0, slots_in_use=0)


def test_a_crowd_that_is_not_let_in_is_an_error_and_leaves_nothing_behind(engine: LocalEngine) -> None:
    with pytest.raises(Overloaded):
        audio_per_s(engine, "one", 5, 20)
    assert engine.stats().utterances == 0


def test_what_was_done_is_counted_over_all_utterances(engine: LocalEngine) -> None:
    usages = [events(engine, Utterance(id=name, seed=1), TEXT, 20)[-1].usage for name in "ab"]  # type: ignore[union-attr]
    done = engine.stats().done
    assert done.samples == sum(usage.samples for usage in usages) > 0
    assert done.windows == sum(usage.windows for usage in usages)
    assert done.input_characters == 2 * len(TEXT)


def test_the_work_for_an_utterance_that_was_cancelled_stays_counted(engine: LocalEngine) -> None:
    heard = threading.Event()
    engine.submit(Utterance(id="a", seed=1), lambda event: heard.set())
    engine.push_text("a", TEXT)
    assert heard.wait(10)
    before = engine.stats().done
    engine.cancel("a")
    after = engine.stats().done
    assert after.samples >= before.samples > 0
    assert after.input_characters == len(TEXT)


class Breaking:
    """A token stage that cannot let go of a row: nothing can go on after that."""

    def __init__(self, stage: Any) -> None:
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def release(self, row: object) -> None:
        raise RuntimeError("scripted break")


def test_an_engine_that_breaks_says_so_and_takes_nothing_more(model: Model) -> None:
    """It went on looking alive: health said SERVING for ever."""
    told, failed = threading.Event(), threading.Event()
    engine = LocalEngine(
        model,
        EngineOptions(max_utterances=2),
        lambda stages: Stages(tokens=Breaking(stages.tokens), mel=stages.mel, sound=stages.sound),
    )
    try:
        engine.on_close(told.set)
        engine.submit(Utterance(id="other"), lambda event: failed.set() if isinstance(event, Failed) else None)
        with pytest.raises(EngineBroken):
            speak(engine, Utterance(id="a", seed=1), TEXT)
        assert told.wait(5)
        assert failed.wait(5)
        with pytest.raises(EngineBroken) as refused:
            engine.submit(Utterance(id="b"), lambda event: None)
        assert refused.value is engine.broken()
        assert refused.value.fault is Fault.THREAD_DIED
    finally:
        engine.close()


def test_who_asks_after_the_end_is_told_at_once(model: Model) -> None:
    engine = LocalEngine(model, EngineOptions(max_utterances=1))
    engine.close()
    told = threading.Event()
    engine.on_close(told.set)
    assert told.is_set()


def refusal(engine: LocalEngine) -> float:
    with pytest.raises(Overloaded) as refused:
        engine.submit(Utterance(id="next"), lambda event: None)
    return refused.value.retry_after_s


def test_the_hint_tells_how_long_the_one_that_runs_will_take(model: Model) -> None:
    """Nobody reads what it says, so it goes on as its listener would: in real time."""
    engine = LocalEngine(model, EngineOptions(max_utterances=1, channel_s=0.5))
    try:
        hints = []
        for sentences in (2, 60):
            name = str(sentences)
            waiting = threading.Event()
            engine.submit(Utterance(id=name, seed=1), lambda event, heard=waiting: heard.set())  # type: ignore[misc]
            assert refusal(engine) == OPEN_WAIT_S
            engine.push_text(name, "Hello there, my friend. " * sentences)
            engine.end_input(name)
            assert waiting.wait(10)
            while not engine._scheduler._running[name].channel_full:
                time.sleep(0.002)
            hints.append(refusal(engine))
            engine.cancel(name)
        assert LEAST_WAIT_S <= hints[0] < hints[1] <= MOST_WAIT_S
    finally:
        engine.close()
