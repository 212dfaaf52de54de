"""An utterance of the shipped voice that another engine goes on with, from the place of any chunk: nothing is heard
twice, nothing is missing, and what is heard is the same."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.errors import InvalidRequest
from engine.messages import (
    Aligned,
    AudioChunk,
    EngineStats,
    Event,
    Failed,
    Finished,
    FlushDone,
    Place,
    Resume,
    SpokenWindow,
    Utterance,
    Word,
)
from engine.model import Model
from engine.options import EngineOptions

OPENING = "Well, I"  # is cut behind its comma, by a pause, and no further
BEFORE_FLUSH = " do.\n\n- **one** egg\n- two\n\nPay "
AFTER_FLUSH = "$123,456,789.12! <break time='300ms'/>Good *night*!"
AT_ONCE = 5
SEEN = 36_000  # samples of a rest, mostly: enough to see the next segment begin
UTTERANCE = Utterance(id="first", seed=7, want_alignment=True, want_tokens=True, max_text_delay_s=0.05)
NOTHING = EngineStats(utterances=0, tokens_waiting=0, samples_unreleased=0, slots_in_use=0)


class Call:
    """One utterance, whose listener takes audio at once."""

    def __init__(self, engine: LocalEngine, utterance: Utterance) -> None:
        self.engine, self.name = engine, utterance.id
        self.events: list[Event] = []
        self.cut = threading.Event()  # something was spoken
        self._arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
        engine.submit(utterance, self._sink)

    def _sink(self, event: Event) -> None:
        if isinstance(event, AudioChunk):
            self.engine.release(self.name, event.num_samples)
            self.cut.set()
        self._arrived.put(event)

    def say_all(self) -> Call:
        self.engine.push_text(self.name, OPENING + BEFORE_FLUSH)
        self.engine.flush(self.name, 1)
        self.engine.push_text(self.name, AFTER_FLUSH)
        self.engine.end_input(self.name)
        return self

    def end(self, enough: float = math.inf) -> list[Event]:
        """All events, or those until there are `enough` samples: then it is cancelled."""
        while not (self.events and isinstance(self.events[-1], Finished | Failed)):
            self.events.append(self._arrived.get(timeout=60))
            if len(audio_of(self.events)) >= enough:
                self.engine.cancel(self.name)
                break
        return self.events


def chunks_of(events: Sequence[Event]) -> list[AudioChunk]:
    return [event for event in events if isinstance(event, AudioChunk)]


def words_of(events: Sequence[Event]) -> list[Word]:
    return [word for event in events if isinstance(event, Aligned) for word in event.words]


def audio_of(events: Sequence[Event]) -> NDArray[np.float32]:
    return np.concatenate([np.zeros(0, np.float32), *(chunk.samples for chunk in chunks_of(events))])


def ranges_of(chunks: Sequence[AudioChunk]) -> list[tuple[int, int, int]]:
    return sorted({(chunk.segment, chunk.text_begin, chunk.text_end) for chunk in chunks})


def end_of(chunk: AudioChunk) -> int:
    return chunk.first_sample + chunk.num_samples


def place_of(chunk: AudioChunk) -> Place:
    assert chunk.place is not None
    return chunk.place


@dataclass
class Engines:
    """One that speaks at first, and one that goes on."""

    first: LocalEngine
    second: LocalEngine
    spoken: list[Event]

    def go_on(
        self, places: Sequence[tuple[Place, int]], utterance: Utterance = UTTERANCE, enough: float = math.inf
    ) -> list[list[Event]]:
        """From these places and samples, some at once."""
        done: list[list[Event]] = []
        for begin in range(0, len(places), AT_ONCE):
            calls = [
                Call(self.second, replace(utterance, id=f"{begin}/{index}", resume=Resume(place=place, from_sample=at)))
                for index, (place, at) in enumerate(places[begin : begin + AT_ONCE])
            ]
            done += [call.end(enough) for call in [call.say_all() for call in calls]]
        return done


@pytest.fixture(scope="module")
def model() -> Model:
    return load()


@pytest.fixture(scope="module", params=[True, False], ids=["deterministic", "by deadline"])
def engines(request: pytest.FixtureRequest, model: Model) -> Iterator[Engines]:
    options = EngineOptions(deterministic=request.param, max_utterances=AT_ONCE)
    first, second = LocalEngine(model, options), LocalEngine(model, options)
    company = Call(first, Utterance(id="company", seed=1))
    first.push_text(company.name, "Somebody else speaks at the same time.")
    first.end_input(company.name)
    call = Call(first, UTTERANCE)
    first.push_text(call.name, OPENING)
    assert call.cut.wait(30), "by a pause"
    first.push_text(call.name, BEFORE_FLUSH)
    first.flush(call.name, 1)
    first.push_text(call.name, AFTER_FLUSH)
    first.end_input(call.name)
    yield Engines(first, second, call.end())
    first.close()
    second.close()
    assert first.stats() == second.stats() == NOTHING


def test_the_text_is_all_that_it_is_to_be(engines: Engines) -> None:
    """Otherwise the other tests would not see what they are for."""
    chunks = chunks_of(engines.spoken)
    cuts = {place_of(chunk).text_end or place_of(chunk).text_begin for chunk in chunks}
    assert min(cuts) == len("Well,"), "cut by a pause"
    assert max(place_of(chunk).piece for chunk in chunks) > 0, "a text of several pieces"
    assert any(place_of(chunk).windows for chunk in chunks)
    assert any(place_of(chunk).settled for chunk in chunks)
    assert isinstance(engines.spoken[-1], Finished)


def test_from_every_chunk_it_goes_on_with_the_next_sample(engines: Engines) -> None:
    spoken, total = chunks_of(engines.spoken), audio_of(engines.spoken)
    chunks = spoken if _is_deterministic(engines) else spoken[::3]
    followed = engines.go_on([(place_of(chunk), end_of(chunk)) for chunk in chunks], enough=SEEN)
    for chunk, events in zip(chunks, followed, strict=True):
        audio, end = audio_of(events), end_of(chunk)
        assert len(audio) >= min(SEEN, len(total) - end)
        assert [one.first_sample for one in chunks_of(events)][:1] == [end][: len(chunks_of(events))]
        if _is_deterministic(engines):
            assert np.array_equal(audio, total[end : end + len(audio)])


def test_all_of_the_rest_comes_and_nothing_else(engines: Engines) -> None:
    chunks, total, is_deterministic = chunks_of(engines.spoken), audio_of(engines.spoken), _is_deterministic(engines)
    tried = [chunks[0], chunks[-2], chunks[-1]]
    rests = engines.go_on([(place_of(chunk), end_of(chunk)) for chunk in tried])
    for chunk, events in zip(tried, rests, strict=True):
        assert isinstance(events[-1], Finished), events[-1]
        place, rest, end = place_of(chunk), audio_of(events), end_of(chunk)
        again = chunks_of(events)
        assert [one.seq for one in again] == list(range(len(again)))
        assert [one.first_sample for one in again] == [end, *map(end_of, again[:-1])][: len(again)]
        assert end + len(rest) == len(total)
        if is_deterministic:
            assert np.array_equal(rest, total[end:])
        assert words_of(events) == [
            word for word in words_of(engines.spoken) if word.start_sample >= place.first_sample
        ]
        assert ranges_of(again) == ranges_of([one for one in chunks if one.first_sample >= end])
        assert [event.flush_id for event in events if isinstance(event, FlushDone)] == [1]


def test_what_was_heard_already_is_made_again_as_it_was(engines: Engines) -> None:
    """Its windows are those that are in the record, whatever an engine would choose by itself."""
    chunks, total = chunks_of(engines.spoken)[1::4], audio_of(engines.spoken)
    lengths = [end_of(chunk) - place_of(chunk).first_sample for chunk in chunks]
    again = engines.go_on(
        [(place_of(chunk), place_of(chunk).first_sample) for chunk in chunks], enough=max(1, *lengths)
    )
    for chunk, length, events in zip(chunks, lengths, again, strict=True):
        begin, audio = place_of(chunk).first_sample, audio_of(events)
        np.testing.assert_allclose(audio[:length], total[begin : begin + length], atol=1e-4)


def test_an_utterance_moves_twice(engines: Engines) -> None:
    chunks = chunks_of(engines.spoken)
    chunk = chunks[-6]
    ((*moved, _),) = engines.go_on([(place_of(chunk), end_of(chunk))])
    for later in chunks_of(moved)[1:3]:
        (rest,) = engines.go_on([(place_of(later), end_of(later))])
        assert isinstance(rest[-1], Finished)
        assert end_of(later) + len(audio_of(rest)) == len(audio_of(engines.spoken))
        if _is_deterministic(engines):
            assert np.array_equal(audio_of(rest), audio_of(engines.spoken)[end_of(later) :])


def test_tokens_come_only_where_they_are_wanted_and_are_said_whatever_is_drawn(engines: Engines) -> None:
    chunk = next(chunk for chunk in chunks_of(engines.spoken) if len(place_of(chunk).windows) == 2)
    place = place_of(chunk)
    windows = place.windows
    assert len(place.tokens) >= sum(window.tokens for window in windows) > 0
    reversed_tokens = replace(place, tokens=place.tokens[::-1])
    unwanted = replace(UTTERANCE, want_tokens=False)
    for tried, wanted in ((place, UTTERANCE), (reversed_tokens, UTTERANCE), (replace(place, tokens=()), unwanted)):
        (events,) = engines.go_on([(tried, place.first_sample)], wanted, end_of(chunk) - place.first_sample + SEEN)
        again = [one for one in chunks_of(events) if place_of(one).segment == place.segment]
        assert all(place_of(one).tokens[: len(tried.tokens)] == tried.tokens for one in again[len(windows) :])
        heard = audio_of(events)[: end_of(chunk) - place.first_sample]
        same = np.allclose(heard, audio_of(engines.spoken)[place.first_sample : end_of(chunk)], atol=1e-4)
        assert same == (tried is not reversed_tokens)
    assert not any(place_of(one).tokens for one in chunks_of(events))


def test_a_resume_that_is_cancelled_frees_everything(engines: Engines) -> None:
    chunk = chunks_of(engines.spoken)[-2]
    resume = Resume(place=place_of(chunk), from_sample=end_of(chunk))
    call = Call(engines.second, replace(UTTERANCE, id="cancelled", resume=resume)).say_all()
    engines.second.cancel(call.name)
    assert engines.go_on([(place_of(chunk), end_of(chunk))]), "who comes later finds a place"


BAD = {
    "config.resume.from_sample": (Place(first_sample=10), 9),
    "config.resume.place.segment": (Place(segment=-1), 0),
    "config.resume.place.text_end": (Place(text_begin=5, text_end=5), 0),
    "config.resume.place.windows": (Place(text_end=5, windows=(SpokenWindow(5, 0, True),)), 0),
    "config.resume.place.windows.tokens": (Place(text_end=5, windows=(SpokenWindow(10**6, 0, False),)), 0),
    "config.resume.place.windows.lookahead": (Place(text_end=5, windows=(SpokenWindow(5, -1, False),)), 0),
    "config.resume.place.tokens": (Place(text_end=5, tokens=(10**6,)), 0),
    "config.resume.place.owed_pause": (Place(owed_pause=10**9), 0),
    "config.resume.place.speech_samples": (Place(speech_samples=1), 0),
}


@pytest.mark.parametrize("field", BAD)
def test_what_cannot_be_is_refused_at_once(engines: Engines, field: str) -> None:
    place, from_sample = BAD[field]
    with pytest.raises(InvalidRequest) as refused:
        Call(engines.second, replace(UTTERANCE, id="bad", resume=Resume(place=place, from_sample=from_sample)))
    assert refused.value.field == field


def test_a_resume_without_its_seed_is_refused(engines: Engines) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Call(engines.second, Utterance(id="bad", resume=Resume(place=Place(), from_sample=0)))
    assert refused.value.field == "config.seed"


LATE = {
    "config.resume.place": Place(text_begin=10_000),
    "config.resume.place.piece": Place(text_end=5, piece=3),
    "config.resume.place.windows": Place(text_end=5, windows=(SpokenWindow(25, 0, False),) * 9),
}


@pytest.mark.parametrize("field", LATE)
def test_what_turns_out_to_be_impossible_is_refused_then(engines: Engines, field: str) -> None:
    (events,) = engines.go_on([(LATE[field], 0)])
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, InvalidRequest)
    assert failed.error.field == field


def _is_deterministic(engines: Engines) -> bool:
    return engines.first.info().is_deterministic
