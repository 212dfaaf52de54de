"""The whole engine on a tiny random model: the real stages, threads and scheduling."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.parity.streaming_loss import differences
from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.errors import InvalidRequest, UnknownVoice, Unsupported, VoiceExists
from engine.loading import load as load_engine
from engine.messages import AudioChunk, EngineStats, Event, Finished, NewVoice, Utterance
from engine.model import Model, TailConfig, Voice
from engine.options import EngineOptions
from engine.scheduling.jobs import FlowWork, SegmentJob, VocoderWork
from engine.speak import events, speak
from engine.stages.flow import FlowStage
from engine.stages.t3 import T3Stage
from engine.stages.vocoder import VocoderStage
from engine.voices.conditionals import Conditionals
from tests.engine.tiny import write_tiny_model

TEXT = "Hello there, my friend. How are you today? Fine."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")))


@pytest.fixture(scope="module")
def engine(model: Model) -> Iterator[LocalEngine]:
    before = set(threading.enumerate())  # of the engines of other tests
    engine = LocalEngine(model, EngineOptions(max_utterances=4, deterministic=True))
    yield engine
    engine.close()
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not left & {"t3", "flow", "voices_0"}


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
    state = stage.open(model.prepare(model.voices["one"]), 3)
    tokens = tuple(range(12))
    work = FlowWork(tokens=tokens, n_new=9, segment=0, final=False)
    ((mel, following),) = stage.run([state], [work])
    stage.run([following], [FlowWork(tokens=tokens[:5], n_new=5, segment=0, final=True)])
    ((again, _),) = stage.run([state], [work])
    assert torch.equal(mel, again)


def spoken(model: Model, tail: TailConfig, tokens: tuple[int, ...], *cuts: int) -> NDArray[np.float32]:
    """One segment through flow and vocoder, in windows that end at `cuts` with the lookahead that is there."""
    model = replace(model, config=replace(model.config, tail=tail))
    flow, vocoder = FlowStage(model), VocoderStage(model)
    voice = model.prepare(model.voices["one"])
    state, sound_state = flow.open(voice, 3), vocoder.open(voice, 3)
    audio, begin = [], 0
    for end in (*cuts, len(tokens)):
        final = end == len(tokens)
        seen = tokens[begin : end + model.flow.lookahead] if not final else tokens[begin:]
        ((mel, state),) = flow.run([state], [FlowWork(tokens=seen, n_new=end - begin, segment=0, final=final)])
        work = VocoderWork(mel=mel, segment=0, final=final, ends_sentence=True)
        ((samples, sound_state),) = vocoder.run([sound_state], [work])
        audio.append(samples)
        begin = end
    return np.concatenate(audio)


def test_mels_run_together_give_the_audio_of_each_alone(model: Model) -> None:
    stage = VocoderStage(model)
    voice = model.prepare(model.voices["one"])
    mel = model.flow.offline(torch.arange(24)[None], voice.flow, 3)
    parts = [mel[..., :16], mel[..., 16:32], mel[..., 32:]]
    alone, together = ([stage.open(voice, seed) for seed in (1, 2)] for _ in range(2))
    for index, part in enumerate(parts):
        final = index == len(parts) - 1
        works = [
            VocoderWork(mel=one, segment=0, final=final, ends_sentence=True) for one in (part, part.flip(-1) - 0.5)
        ]
        assert len({stage.alike(state, work) for state, work in zip(together, works, strict=True)}) == 1
        expected = [stage.run([state], [work])[0] for state, work in zip(alone, works, strict=True)]
        found = stage.run(together, works)
        for (audio, _), (own, _) in zip(found, expected, strict=True):
            np.testing.assert_allclose(audio, own, atol=1e-5)
        alone, together = [state for _, state in expected], [state for _, state in found]


def test_the_fade_in_covers_an_utterances_first_samples_once(model: Model) -> None:
    plain, tail = TailConfig(), TailConfig(muted_ms=20, fade_in_ms=20)
    tokens = tuple(range(20))
    raw, faded = (spoken(model, which, tokens, 2, 9) for which in (plain, tail))
    assert not faded[:480].any()
    gain = (np.cos(np.linspace(np.pi, 0, 480)) + 1) / 2
    np.testing.assert_allclose(faded[480:960], raw[480:960] * gain, atol=1e-6)
    assert np.array_equal(faded[960:], raw[960:])


def test_silence_tokens_close_a_segment_and_the_last_token_can_be_dropped(model: Model) -> None:
    tokens = tuple(range(9))
    assert len(spoken(model, TailConfig(silence_token=7, silence_tokens=3), tokens, 4)) == 960 * 12
    assert np.array_equal(
        spoken(model, TailConfig(silence_token=7, silence_tokens=3), tokens, 4),
        spoken(model, TailConfig(), (*tokens, 7, 7, 7), 4),
    )
    dropped = spoken(model, TailConfig(drop_last_token=True), tokens, 4)
    assert len(dropped) == 960 * 8
    assert len(spoken(model, TailConfig(drop_last_token=True), tokens[:1])) == 0


def test_an_utterance_waits_for_its_voice_and_others_do_not(model: Model) -> None:
    """The voice of one is still being prepared: another one, whose voice is there, speaks."""
    engine = LocalEngine(model, EngineOptions(max_utterances=4))
    gate = threading.Event()
    speak(engine, utterance("warm", voice="one"), "Hello.")
    blocker = threading.Thread(target=engine._prepared.run, args=(gate.wait,))
    blocker.start()
    try:
        arrived: list[Event] = []

        def sink(event: Event) -> None:
            arrived.append(event)
            if isinstance(event, AudioChunk):
                engine.release("late", event.num_samples)

        engine.submit(utterance("late", voice="two"), sink)
        engine.push_text("late", TEXT)
        engine.end_input("late")
        assert len(speak(engine, utterance("early", voice="one"), TEXT)) > 0
        assert not arrived
        gate.set()
        end = time.monotonic() + 10
        while not (arrived and isinstance(arrived[-1], Finished)) and time.monotonic() < end:
            time.sleep(0.005)
        assert isinstance(arrived[-1], Finished)
    finally:
        gate.set()
        blocker.join()
        engine.close()


def test_a_voice_that_cannot_be_had_ends_that_utterance_alone(model: Model) -> None:
    engine = LocalEngine(model, EngineOptions(voice_memory_bytes=1))
    try:
        with pytest.raises(Unsupported, match="--voice-memory"):
            speak(engine, utterance(), TEXT)
        assert engine.stats().utterances == 0
    finally:
        engine.close()


def test_an_engine_that_cannot_warm_up_leaves_no_threads(tmp_path: Path) -> None:
    """Its workers went on waiting for work that nobody could give them any more."""
    before = set(threading.enumerate())
    with pytest.raises(Unsupported, match="--voice-memory"):
        load_engine(str(write_tiny_model(tmp_path / "tiny")), EngineOptions(voice_memory_bytes=1))
    assert not set(threading.enumerate()) - before


def test_a_voice_comes_to_the_utterance_that_asked_for_it(engine: LocalEngine, model: Model) -> None:
    """The voice of a cancelled utterance, ready at last, went to the next one of the same name."""
    expected = speak(engine, utterance(voice="two"), "Hello.")
    slow = LocalEngine(model, EngineOptions(deterministic=True))
    gate = threading.Event()
    blocker = threading.Thread(target=slow._prepared.run, args=(gate.wait,))
    blocker.start()
    try:
        slow.submit(utterance(voice="one"), print)
        slow.cancel("a")
        threading.Timer(0.2, gate.set).start()
        held = slow._prepared._prepare

        def prepare(voice: Conditionals) -> Voice:
            time.sleep(0.2)  # long enough to be heard with the other one
            return held(voice)

        slow._prepared._prepare = prepare
        assert np.array_equal(speak(slow, utterance(voice="two"), "Hello."), expected)
    finally:
        gate.set()
        blocker.join()
        slow.close()


def test_a_voice_that_is_stored_and_cannot_be_prepared_is_created_with_a_warning(model: Model, tmp_path: Path) -> None:
    """A device without memory for it: the call failed, the voice was there, and another try found the name taken."""

    class Copier:
        def clone(self, voice: NewVoice) -> tuple[Conditionals, tuple[str, ...]]:
            return replace(model.voices["one"], name=voice.name), ("a copy",)

    def fails(voice: Conditionals) -> Voice:
        raise RuntimeError("out of memory")

    cloning = replace(model, cloner=Copier())  # type: ignore[arg-type]
    engine = LocalEngine(cloning, EngineOptions(voices_dir=tmp_path))
    try:
        engine._prepared._prepare = fails
        created = engine.create_voice(NewVoice(name="me", audio=b""))
        assert created.warnings == ("a copy", "stored; the first utterance with it waits until it is prepared")
        assert "me" in [voice.name for voice in engine.voices()]
    finally:
        engine.close()


def test_a_model_without_a_voice_encoder_says_that_it_cannot_clone(engine: LocalEngine) -> None:
    assert not engine.info().has_cloning
    with pytest.raises(Unsupported, match="cannot clone"):
        engine.create_voice(NewVoice(name="me", audio=b""))
    with pytest.raises(VoiceExists):
        engine.create_voice(NewVoice(name="one", audio=b""))
    with pytest.raises(Unsupported, match="part of the model"):
        engine.delete_voice("one")


def test_the_runaway_guard_ends_a_segment_and_says_so(model: Model) -> None:
    stage = T3Stage(model, 1)
    voice = model.prepare(model.voices["one"])
    row = stage.begin(SegmentJob(text="hi.", voice=voice, language="en", sampling={}, seed=0, segment=0))
    assert stage.feed(row)
    row.max_tokens = 2
    tokens = [stage.step([row])[0] for _ in range(3)]
    assert tokens[-1] is None
    if None not in tokens[:2]:
        assert "cut after 2 tokens" in row.warning


def test_unknown_voices_and_absurd_sampling_are_refused(engine: LocalEngine) -> None:
    with pytest.raises(UnknownVoice, match="unknown voice 'ana'; available: one, two"):
        engine.submit(utterance(voice="ana"), print)
    with pytest.raises(InvalidRequest, match=r"config\.language_code: unknown language 'xx'; possible: en"):
        engine.submit(Utterance(id="x", language="xx"), print)
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
