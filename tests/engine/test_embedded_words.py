"""Word times of the shipped voice: all words, in order, inside the audio they belong to, and not in the way of it."""

from __future__ import annotations

import queue
import re
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.messages import Aligned, AudioChunk, Event, Failed, Finished, Utterance, Word
from engine.options import EngineOptions

TEXT = "Dr. Lee paid $5 for 42 eggs, didn't she? A well-known price — too much!  It was 3:45 p.m. when she left."
WORDS = [
    "Dr.",
    "Lee",
    "paid",
    "$5",
    "for",
    "42",
    "eggs",
    "didn't",
    "she",
    "A",
    "well-known",
    "price",
    "too",
    "much",
    "It",
    "was",
    "3:45 p.m.",
    "when",
    "she",
    "left",
]


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    engine = LocalEngine(load(), EngineOptions(deterministic=True))
    yield engine
    engine.close()


def speak(engine: LocalEngine, text: list[str], name: str = "one", *, words: bool = True) -> list[Event]:
    return finish(begin(engine, text, name, words=words))


def begin(engine: LocalEngine, text: list[str], name: str, *, words: bool = True) -> queue.SimpleQueue[Event]:
    arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def sink(event: Event) -> None:
        if isinstance(event, AudioChunk):
            engine.release(name, event.num_samples)
        arrived.put(event)

    engine.submit(Utterance(id=name, seed=3, want_alignment=words), sink)
    for piece in text:
        engine.push_text(name, piece)
    engine.end_input(name)
    return arrived


def finish(arrived: queue.SimpleQueue[Event]) -> list[Event]:
    events = [arrived.get(timeout=30)]
    while not isinstance(events[-1], Finished | Failed):
        events.append(arrived.get(timeout=30))
    return events


def words_of(events: list[Event]) -> list[Word]:
    return [word for event in events if isinstance(event, Aligned) for word in event.words]


def audio_of(events: list[Event]) -> NDArray[np.float32]:
    return np.concatenate([event.samples for event in events if isinstance(event, AudioChunk)])


@pytest.fixture(scope="module")
def spoken(engine: LocalEngine) -> list[Event]:
    return speak(engine, [TEXT])


def test_every_word_of_the_text_comes_in_order(engine: LocalEngine, spoken: list[Event]) -> None:
    words = words_of(spoken)
    assert engine.info().has_alignment
    assert [word.word for word in words] == WORDS
    assert [TEXT[word.text_begin : word.text_end] for word in words] == WORDS
    between = re.sub("|".join(map(re.escape, sorted(WORDS, key=len, reverse=True))), "", TEXT)
    assert not any(map(str.isalnum, between))


def test_words_lie_one_after_the_other_inside_the_audio(spoken: list[Event]) -> None:
    words, total = words_of(spoken), len(audio_of(spoken))
    edges = [edge for word in words for edge in (word.start_sample, word.end_sample)]
    assert edges == sorted(edges)
    assert all(word.start_sample < word.end_sample <= total for word in words)
    assert words[0].start_sample <= 0.1 * 24_000
    assert total - words[-1].end_sample <= 0.3 * 24_000


def test_words_come_with_their_audio_and_before_the_end(spoken: list[Event]) -> None:
    sent = 0
    for event in spoken:
        if isinstance(event, AudioChunk):
            sent += event.num_samples
        if isinstance(event, Aligned):
            assert event.words[-1].end_sample <= sent
    assert isinstance(spoken[-1], Finished)
    assert sum(isinstance(event, Aligned) for event in spoken) > 4, "not all at the end"


def test_words_are_loud_and_pauses_are_not(spoken: list[Event]) -> None:
    """Between "she?" and "A" is a pause: no word claims all of its silence, though a last sound may have some of it."""
    words, audio = words_of(spoken), audio_of(spoken)
    loud = [np.sqrt(np.mean(audio[word.start_sample : word.end_sample] ** 2)) for word in words]
    assert min(loud) > 0.01
    at = WORDS.index("she")
    pause = audio[words[at].end_sample : words[at + 1].start_sample]
    assert len(pause) >= 0.12 * 24_000
    middle = pause[len(pause) // 3 : -len(pause) // 3]
    assert np.sqrt(np.mean(middle**2)) < 0.02 * min(loud)


@pytest.mark.parametrize("size", [1, 7, 40])
def test_how_the_text_comes_moves_no_word(engine: LocalEngine, spoken: list[Event], size: int) -> None:
    pieces = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]
    assert words_of(speak(engine, pieces)) == words_of(spoken)


def test_asking_for_words_changes_no_sample_and_not_asking_gives_none(engine: LocalEngine, spoken: list[Event]) -> None:
    silent = speak(engine, [TEXT], words=False)
    assert not words_of(silent)
    assert np.array_equal(audio_of(silent), audio_of(spoken))


def test_utterances_beside_each_other_keep_their_own_words(engine: LocalEngine, spoken: list[Event]) -> None:
    texts = {"a": "Hello there, my friend.", "b": TEXT, "c": "Good night, sleep well."}
    arrivals = {name: begin(engine, [text], name, words=name != "c") for name, text in texts.items()}
    events = {name: finish(arrived) for name, arrived in arrivals.items()}
    assert [word.word for word in words_of(events["a"])] == ["Hello", "there", "my", "friend"]
    assert words_of(events["b"]) == words_of(spoken)
    assert not words_of(events["c"])


def test_words_of_a_text_with_markup_point_at_what_was_sent(engine: LocalEngine) -> None:
    text = "# Setup\n\nSee [the **guide**](/a), R&amp;D says `get_name` is $x^2$."
    words = words_of(speak(engine, list(text), "markup"))
    sent = [text[word.text_begin : word.text_end] for word in words]
    assert sent == ["Setup", "See", "the", "guide", "R&amp;D", "says", "get", "name", "is", "$x^2$"]
    assert [word.word for word in words][-1] == "x squared"
    assert words[4].word == "R&D"


def test_a_break_is_as_long_as_it_says(engine: LocalEngine) -> None:
    def silence_s(text: str) -> float:
        """Between the last two words; what is behind a word and in front of the next one is a few tokens more."""
        *_, before, after = words_of(speak(engine, [text], "break"))
        return (after.start_sample - before.end_sample) / 24_000

    long, short = (silence_s(f'One two. <break time="{time}"/>Three.') for time in ("1.5s", "300ms"))
    assert abs(long - short - 1.2) < 0.001
    assert 1.5 <= long < 1.8
