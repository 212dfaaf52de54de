"""Slower or faster speech of a whole engine: as long as it should be, at the same pitch, and every promise kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.errors import InvalidRequest
from engine.messages import Aligned, AudioChunk, Event, Finished, Resume, Utterance, Word
from engine.model import Model, TailConfig
from engine.options import EngineOptions
from engine.scheduling.jobs import VocoderWork
from engine.speak import events
from engine.stages.tempo import BEGUN, Tempo
from engine.stages.vocoder import VocoderStage
from tests.engine.tiny import write_tiny_model

TEXT = "Hello there, my friend. How are you today?"
RATES = [0.5, 0.8, 1.3, 2.0]
TOKEN = 960  # samples
PAUSE = 2880  # samples between two sentences
PULSE = {"pulse": {"width": 16, "hidden": 32, "mel_blocks": 1, "blocks": 1}}


@pytest.fixture(scope="module", params=[{}, PULSE], ids=["hift", "pulse"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", **request.param)))


@pytest.fixture(scope="module")
def tiny_engine(tiny: Model) -> Iterator[LocalEngine]:
    engine = LocalEngine(tiny, EngineOptions(max_utterances=8, deterministic=True))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    engine = LocalEngine(load(), EngineOptions(max_utterances=4, deterministic=True))
    yield engine
    engine.close()


def utterance(rate: float, name: str = "a", **fields: Any) -> Utterance:
    return Utterance(id=name, seed=1, speaking_rate=rate, **fields)


def spoken(engine: LocalEngine, rate: float, text: str = TEXT, name: str = "a", **fields: Any) -> list[Event]:
    return events(engine, utterance(rate, name, **fields), text, timeout_s=60)


def chunks_of(arrived: Sequence[Event]) -> list[AudioChunk]:
    return [event for event in arrived if isinstance(event, AudioChunk)]


def words_of(arrived: Sequence[Event]) -> list[Word]:
    return [word for event in arrived if isinstance(event, Aligned) for word in event.words]


def audio_of(arrived: Sequence[Event]) -> NDArray[np.float32]:
    return np.concatenate([chunk.samples for chunk in chunks_of(arrived)])


def in_pieces(
    model: Model, rate: float, mel: torch.Tensor, sizes: Sequence[int], tail: TailConfig | None = None
) -> NDArray[np.float32]:
    """One segment of so many tokens a window; what is left of them at once in the last one."""
    if tail is not None:
        model = replace(model, config=replace(model.config, tail=tail))
    stage = VocoderStage(model)
    state, audio = stage.open(model.prepare(model.voices["one"]), 3, rate), []
    for size in (*sizes, None):
        piece = mel if size is None else mel[..., : 2 * size]
        work = VocoderWork(mel=piece, segment=0, final=size is None, ends_sentence=True)
        ((samples, state),) = stage.run([state], [work])
        audio.append(samples)
        mel = mel[..., piece.shape[2] :]
    return np.concatenate(audio)


def speech(model: Model, tokens: int) -> torch.Tensor:
    given = torch.arange(tokens)[None] % model.config.flow.vocab
    with torch.inference_mode():
        return model.flow.offline(given, model.prepare(model.voices["one"]).flow, 3)


@pytest.mark.parametrize("rate", RATES)
def test_streamed_equals_one_shot(tiny: Model, rate: float) -> None:
    mel = speech(tiny, 41)
    whole = in_pieces(tiny, rate, mel, [])
    assert len(whole) == TOKEN * int(41 / rate + 0.5)
    for sizes in ([1, 1, 1, 2, 3, 25], [6, 12], [41]):
        np.testing.assert_allclose(in_pieces(tiny, rate, mel, sizes), whole, atol=1e-3)


@pytest.mark.parametrize("rate", RATES)
def test_it_is_the_vocoder_of_the_stretched_mel(tiny: Model, rate: float) -> None:
    mel = speech(tiny, 20)
    stretched, _ = Tempo(2)(mel, BEGUN, rate, True)
    np.testing.assert_allclose(
        in_pieces(tiny, rate, mel, [6, 12]), in_pieces(tiny, 1.0, stretched, [int(6 / rate)]), atol=1e-3
    )


@pytest.mark.parametrize("rate", RATES)
def test_the_last_token_can_be_dropped(tiny: Model, rate: float) -> None:
    """What it decodes to is noise: nothing of it is heard at any rate, and no more than it is missing."""
    mel = speech(tiny, 20)
    whole, dropped = (
        in_pieces(tiny, rate, mel, [6, 8]),
        in_pieces(tiny, rate, mel, [6, 8], TailConfig(drop_last_token=True)),
    )
    assert TOKEN / rate - TOKEN <= len(whole) - len(dropped) <= TOKEN / rate + TOKEN
    assert np.array_equal(whole[: len(dropped)], dropped)


@pytest.mark.parametrize("rate", RATES)
def test_counts_add_up(tiny_engine: LocalEngine, rate: float) -> None:
    arrived = spoken(tiny_engine, rate)
    plain = spoken(tiny_engine, 1.0)
    chunks, finished, natural = chunks_of(arrived), arrived[-1], plain[-1]
    assert isinstance(finished, Finished)
    assert isinstance(natural, Finished)
    assert finished.usage.samples == len(audio_of(arrived)) == chunks[-1].first_sample + chunks[-1].num_samples
    assert finished.usage.speech_tokens == natural.usage.speech_tokens, "the same tokens are drawn"
    lengths = [_lengths(chunks), _lengths(chunks_of(plain))]
    assert lengths[0].keys() == lengths[1].keys()
    for segment, samples in lengths[1].items():
        pause = PAUSE if segment else 0
        assert lengths[0][segment] - pause == TOKEN * int((samples - pause) / TOKEN / rate + 0.5)


def _lengths(chunks: Sequence[AudioChunk]) -> dict[int, int]:
    """Samples of each segment, the pause before it included."""
    lengths: dict[int, int] = {}
    for chunk in chunks:
        lengths[chunk.segment] = lengths.get(chunk.segment, 0) + chunk.num_samples
    return lengths


def test_several_rates_at_once_are_each_as_alone(tiny_engine: LocalEngine) -> None:
    rates = [*RATES, 1.0, 0.8]
    alone = [audio_of(spoken(tiny_engine, rate)) for rate in rates]
    beside: dict[int, NDArray[np.float32]] = {}

    def say(index: int, rate: float) -> None:
        beside[index] = audio_of(spoken(tiny_engine, rate, name=f"o{index}"))

    threads = [threading.Thread(target=say, args=each) for each in enumerate(rates)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, expected in enumerate(alone):
        assert np.array_equal(beside[index], expected)


def test_mels_of_several_rates_run_together(tiny: Model) -> None:
    """As long as they come to equally many frames."""
    stage, voice = VocoderStage(tiny), tiny.prepare(tiny.voices["one"])
    states = [stage.open(voice, seed, rate) for seed, rate in enumerate((1.0, 2.0, 0.5))]
    works = [
        VocoderWork(mel=speech(tiny, tokens), segment=0, final=True, ends_sentence=True) for tokens in (20, 40, 10)
    ]
    assert len({stage.alike(state, work) for state, work in zip(states, works, strict=True)}) == 1
    together = stage.run(states, works)
    for state, work, (audio, _) in zip(states, works, together, strict=True):
        ((expected, _),) = stage.run([state], [work])
        np.testing.assert_allclose(audio, expected, atol=5e-4)


@pytest.mark.parametrize("rate", [0.8, 2.0])
def test_it_goes_on_in_the_middle_bit_for_bit(tiny: Model, tiny_engine: LocalEngine, rate: float) -> None:
    arrived = spoken(tiny_engine, rate)
    total = audio_of(arrived)
    other = LocalEngine(tiny, EngineOptions(max_utterances=2, deterministic=True))
    try:
        for chunk in chunks_of(arrived)[:-1]:
            assert chunk.place is not None
            at = chunk.first_sample + chunk.num_samples
            rest = spoken(other, rate, resume=Resume(place=chunk.place, from_sample=at))
            assert np.array_equal(audio_of(rest), total[at:])
    finally:
        other.close()


@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_barge_in_frees_everything(tiny_engine: LocalEngine, rate: float) -> None:
    heard = threading.Event()
    tiny_engine.submit(utterance(rate, "cut"), lambda event: heard.set())
    tiny_engine.push_text("cut", TEXT)
    assert heard.wait(20)
    tiny_engine.cancel("cut")
    assert audio_of(spoken(tiny_engine, rate)).any()
    assert tiny_engine.stats().utterances == 0


def test_without_a_fixed_ladder_it_is_spoken_too(tiny: Model) -> None:
    """By deadline, with proposals, in whatever windows: as long as ever."""
    engine = LocalEngine(tiny, EngineOptions(max_utterances=2, speculate=True))
    try:
        for rate in RATES:
            lengths = _lengths(chunks_of(spoken(engine, rate)))
            plain = _lengths(chunks_of(spoken(engine, 1.0)))
            for segment, samples in plain.items():
                pause = PAUSE if segment else 0
                assert lengths[segment] - pause == TOKEN * int((samples - pause) / TOKEN / rate + 0.5)
    finally:
        engine.close()


@pytest.mark.parametrize("rate", [0.49, 2.01, 0.0, -1.0, float("nan"), float("inf")])
def test_what_no_model_can_is_refused(tiny_engine: LocalEngine, rate: float) -> None:
    with pytest.raises(InvalidRequest) as refused:
        tiny_engine.submit(utterance(rate), print)
    assert refused.value.field == "config.speaking_rate"


SENTENCE = "The old man who lived beside the river walked slowly home through the rain."


@pytest.mark.parametrize("voice", ["anna", "karl"])
def test_the_pitch_stays(engine: LocalEngine, voice: str) -> None:
    natural = pitch_hz(audio_of(spoken(engine, 1.0, SENTENCE, voice=voice)))
    for rate in RATES:
        assert pitch_hz(audio_of(spoken(engine, rate, SENTENCE, voice=voice))) == pytest.approx(natural, rel=0.03)


def pitch_hz(samples: NDArray[np.float32]) -> float:
    """Median over loud frames of the autocorrelation's peak between 60 and 400 Hz."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1200)[::240]
    loud = frames[np.sqrt((frames**2).mean(1)) > 0.05]
    spectrum = np.abs(np.fft.rfft(loud * np.hanning(1200), 4096)) ** 2
    correlation = np.fft.irfft(spectrum)[:, 60:400]
    return float(np.median(24000 / (60 + correlation.argmax(1))))


@pytest.mark.parametrize("rate", RATES)
def test_words_are_where_they_are_at_the_rate(engine: LocalEngine, rate: float) -> None:
    natural, words = (words_of(spoken(engine, each, SENTENCE, want_alignment=True)) for each in (1.0, rate))
    assert [word.word for word in words] == [word.word for word in natural] == [*SENTENCE.split()[:-1], "rain"]
    for word, as_it_was in zip(words, natural, strict=True):
        assert (word.text_begin, word.text_end) == (as_it_was.text_begin, as_it_was.text_end)
        assert abs(word.start_sample - as_it_was.start_sample / rate) <= 1
        assert abs(word.end_sample - as_it_was.end_sample / rate) <= TOKEN / 2  # the last one ends with the audio


@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_a_pause_that_was_asked_for_keeps_its_length(engine: LocalEngine, rate: float) -> None:
    text = "Good morning! <break time='700ms'/>Good night!"
    samples = audio_of(spoken(engine, rate, text))
    silent = np.flatnonzero(np.diff(np.flatnonzero(np.r_[1, samples, 1])) > 1)
    longest = np.diff(np.flatnonzero(np.r_[1, samples, 1])).max() - 1
    assert len(silent)
    assert 0.7 * 24_000 <= longest < 0.75 * 24_000
