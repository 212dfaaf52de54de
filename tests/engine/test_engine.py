"""The whole engine on a tiny random model: the real stages, threads and scheduling."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.streaming_loss import differences
from engine.engine import EngineOptions, LocalEngine
from engine.errors import InvalidRequest, UnknownVoice
from engine.jobs import AudioWindow, SegmentJob
from engine.messages import AudioChunk, EngineStats, Finished, Utterance
from engine.model import Model, load
from engine.speak import events, speak
from engine.stages import FlowStage, T3Stage
from tests.engine.tiny import write_tiny_model

TEXT = "Hello there, my friend. How are you today? Fine."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(write_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def engine(model: Model) -> Iterator[LocalEngine]:
    engine = LocalEngine(model, EngineOptions(max_utterances=4))
    yield engine
    engine.close()
    assert not {thread.name for thread in threading.enumerate()} & {"t3", "flow"}


def utterance(name: str = "a", seed: int = 1, voice: str = "", **sampling: float) -> Utterance:
    return Utterance(id=name, seed=seed, voice=voice, sampling=sampling)


def test_the_same_seed_gives_the_same_samples_beside_others(engine: LocalEngine) -> None:
    alone = speak(engine, utterance(), TEXT)
    others = [threading.Thread(target=speak, args=(engine, utterance(f"o{i}", seed=i), TEXT)) for i in range(3)]
    for other in others:
        other.start()
    assert np.array_equal(speak(engine, utterance(), TEXT), alone)
    for other in others:
        other.join()
    assert not np.array_equal(speak(engine, utterance(seed=2), TEXT), alone)
    assert not np.array_equal(speak(engine, utterance(voice="two"), TEXT), alone)


def test_counts_add_up(engine: LocalEngine) -> None:
    arrived = events(engine, utterance(), TEXT, timeout_s=20)
    chunks = [event for event in arrived if isinstance(event, AudioChunk)]
    finished = arrived[-1]
    assert isinstance(finished, Finished)
    usage = finished.usage
    assert usage.samples == sum(chunk.num_samples for chunk in chunks)
    pauses = 480 * 6 * (usage.segments - 1)  # 120 ms each
    assert usage.samples == 960 * usage.speech_tokens + pauses
    assert usage.segments == 3
    assert usage.windows >= len(chunks)


def test_streamed_equals_one_shot_of_the_same_windows(model: Model, engine: LocalEngine) -> None:
    """Flow in one masked run over the record, vocoder in one final chunk, against what was streamed."""
    for seed in range(3):
        difference, at_joins = differences(model, engine, "a long enough text for many windows.", "one", seed)
        assert difference <= 1e-3
        assert at_joins <= 2e-3


def test_a_window_leaves_the_state_it_was_given_untouched(model: Model) -> None:
    """A speculative window may be dropped: running it changes nothing."""
    stage = FlowStage(model)
    state = stage.open("one", 3)
    tokens = tuple(range(12))
    work = AudioWindow(tokens=tokens, n_new=9, segment=0, first=True, final=False, ends_sentence=True)
    audio, following, _ = stage.window(state, work)
    shorter = AudioWindow(tokens=tokens[:5], n_new=5, segment=0, first=False, final=True, ends_sentence=True)
    stage.window(following, shorter)
    again, _, _ = stage.window(state, work)
    assert np.array_equal(audio, again)


def test_the_runaway_guard_ends_a_segment_and_says_so(model: Model) -> None:
    stage = T3Stage(model, 1)
    row = stage.prefill(SegmentJob(text="hi.", voice="one", sampling={}, seed=0, segment=0))
    row.logits = row.logits.clone()
    row.max_tokens = 2
    tokens = [stage.step(row) for _ in range(3)]
    assert tokens[-1] is None
    if None not in tokens[:2]:
        assert "cut after 2 tokens" in row.warning


def test_unknown_voices_and_absurd_sampling_are_refused(engine: LocalEngine) -> None:
    with pytest.raises(UnknownVoice, match="unknown voice 'ana'; available: one, two"):
        engine.submit(utterance(voice="ana"), print)
    with pytest.raises(InvalidRequest) as refused:
        engine.submit(utterance(temperature=-1.0), print)
    assert refused.value.field == "config.sampling.temperature"


def test_after_cancels_nothing_is_left_and_the_next_is_spoken(engine: LocalEngine) -> None:
    for index in range(50):
        name = f"c{index}"
        engine.submit(utterance(name), lambda event: None)
        engine.push_text(name, TEXT)
        time.sleep(0.001 * (index % 20))
        engine.cancel(name)
    nothing = EngineStats(utterances=0, tokens_waiting=0, samples_unreleased=0, slots_in_use=0)
    end = time.monotonic() + 5
    while engine.stats() != nothing and time.monotonic() < end:
        time.sleep(0.005)
    assert engine.stats() == nothing
    assert len(speak(engine, utterance(), TEXT)) > 0
