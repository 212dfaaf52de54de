"""The scripted engine goes on with an utterance as the real one does: from every place, with every sample once."""

import queue
from dataclasses import replace

import numpy as np
import pytest

from engine.messages import Aligned, AudioChunk, Event, Finished, FlushDone, Resume, Utterance
from tests.fakes import Script, ScriptedEngine, speech_of_text

TEXT = "All of it is spoken once, and nothing twice."


def events(utterance: Utterance) -> list[Event]:
    engine = ScriptedEngine({"anna": Script(window_tokens=3)}, channel_s=100, has_alignment=True)
    heard: queue.Queue[Event] = queue.Queue()
    engine.submit(utterance, heard.put)
    engine.push_text(utterance.id, TEXT[:12])
    engine.flush(utterance.id, 7)
    engine.push_text(utterance.id, TEXT[12:])
    engine.end_input(utterance.id)
    seen: list[Event] = []
    while not (seen and isinstance(seen[-1], Finished)):
        seen.append(heard.get(timeout=10))
    engine.close()
    return seen


def chunks(seen: list[Event]) -> list[AudioChunk]:
    return [event for event in seen if isinstance(event, AudioChunk)]


FIRST = Utterance(id="1", voice="anna", seed=5, want_alignment=True)


def test_from_each_place_the_rest_is_what_it_was() -> None:
    whole = events(FIRST)
    audio = np.concatenate([chunk.samples for chunk in chunks(whole)])
    for chunk in chunks(whole):
        assert chunk.place is not None
        behind = chunk.first_sample + chunk.num_samples
        again = events(replace(FIRST, resume=Resume(place=chunk.place, from_sample=behind)))
        rest = chunks(again)
        assert np.array_equal(np.concatenate([audio[:behind], *[one.samples for one in rest]]), audio)
        assert not rest or rest[0].first_sample == behind
        assert 7 in {e.flush_id for e in again if isinstance(e, FlushDone)}


def test_a_resumed_word_is_timed_as_it_was() -> None:
    whole = events(FIRST)
    middle = next(chunk for chunk in chunks(whole) if chunk.segment == 4 and not chunk.end_of_segment)
    assert middle.place is not None
    behind = middle.first_sample + middle.num_samples
    again = events(replace(FIRST, resume=Resume(place=middle.place, from_sample=behind)))

    def words(seen: list[Event]) -> list[Aligned]:
        return [event for event in seen if isinstance(event, Aligned)]

    assert words(again) == words(whole)[4:]


@pytest.mark.parametrize("samples", [1, 959, 961])
def test_it_begins_inside_a_window(samples: int) -> None:
    first = chunks(events(FIRST))[0]
    assert first.place is not None
    rest = chunks(events(replace(FIRST, resume=Resume(place=replace(first.place, windows=()), from_sample=samples))))
    assert rest[0].first_sample == samples
    speech = speech_of_text(TEXT, seed=5, voice="anna")
    assert np.array_equal(np.concatenate([one.samples for one in rest]), speech[samples:])
