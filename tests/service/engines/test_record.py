"""What a gateway remembers: enough to go on, and no more than the text of an utterance."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import UtteranceFailed
from engine.messages import Aligned, AudioChunk, ChunkTimings, FlushDone, Place, Resume, Utterance, Warned, Word
from service.engines.record import Record


def chunk(first: int, count: int = 10, place: Place | None = None) -> AudioChunk:
    samples = np.arange(first, first + count, dtype=np.float32)
    return AudioChunk(
        seq=0,
        first_sample=first,
        samples=samples,
        timings=ChunkTimings(),
        segment=0,
        end_of_segment=False,
        place=place,
    )


def word(start: int) -> Word:
    return Word(word="a", start_sample=start, end_sample=start + 1, text_begin=start, text_end=start + 1)


def test_samples_that_come_again_are_left_out() -> None:
    record = Record(Utterance(id="one"))
    assert len(list(record.new(chunk(0)))) == 1
    assert not list(record.new(chunk(5, 5)))
    (rest,) = record.new(chunk(5, 10))
    assert isinstance(rest, AudioChunk)
    assert (rest.first_sample, rest.samples.tolist(), rest.seq) == (10, [10, 11, 12, 13, 14], 1)


def test_samples_that_are_missing_are_an_error_and_no_silence() -> None:
    with pytest.raises(UtteranceFailed, match="left out 2 samples at 0"):
        list(Record(Utterance(id="one")).new(chunk(2)))


def test_the_next_engine_goes_on_behind_the_last_chunk() -> None:
    record = Record(Utterance(id="one", seed=1))
    assert record.order().resume is None
    place = Place(segment=2, first_sample=5)
    list(record.new(chunk(0, place=place)))
    order = record.order()
    assert order.resume == Resume(place=place, from_sample=10)
    assert order.want_tokens
    assert order.id != "one"  # the lost engine may come back with the old one


def test_an_utterance_that_a_client_resumed_goes_on_from_there() -> None:
    begun = Resume(place=Place(segment=4, first_sample=90), from_sample=100)
    record = Record(Utterance(id="one", resume=begun))
    assert record.order().resume == begun
    list(record.new(chunk(100)))
    assert record.order().resume == Resume(place=begun.place, from_sample=110)


def test_a_segment_whose_words_have_not_come_is_spoken_again() -> None:
    record = Record(Utterance(id="one", want_alignment=True))
    first, second = Place(segment=1), Place(segment=2)
    list(record.new(chunk(0, place=first)))
    list(record.new(Aligned(words=(word(0), word(3)))))
    list(record.new(chunk(10, place=second)))
    resume = record.order().resume
    assert resume is not None
    assert (resume.place, resume.from_sample) == (first, 20)
    (fresh,) = record.new(Aligned(words=(word(3), word(12))))
    assert fresh == Aligned(words=(word(12),))


def test_a_flush_is_answered_once_and_by_the_clients_id() -> None:
    record = Record(Utterance(id="one"))
    assert [record.flush(5).flush, record.flush(5).flush] == [0, 1]
    assert list(record.new(FlushDone(flush_id=0, end_sample=9))) == [FlushDone(flush_id=5, end_sample=9)]
    assert not list(record.new(FlushDone(flush_id=0, end_sample=9)))
    assert list(record.new(FlushDone(flush_id=1, end_sample=9))) == [FlushDone(flush_id=5, end_sample=9)]


def test_flushes_without_text_do_not_pile_up() -> None:
    record = Record(Utterance(id="one"))
    record.text("a")
    for number in range(1000):
        record.flush(3)
        list(record.new(FlushDone(flush_id=number, end_sample=0)))
    assert len(record.inputs) == 2


def test_a_warning_comes_once_for_each_move() -> None:
    record = Record(Utterance(id="one"))
    warned = Warned(reason="A", message="b")
    assert list(record.new(warned)) == [warned]
    assert list(record.new(warned)) == [warned]
    record.moves = 1
    assert not list(record.new(warned))


def test_room_of_the_lost_engine_is_not_room_of_the_next() -> None:
    record = Record(Utterance(id="one"))
    record.order()
    list(record.new(chunk(0, 100)))
    assert record.release(30) == 30
    record.order()
    assert record.release(50) == 0
    list(record.new(chunk(100, 10)))
    assert record.release(30) == 10
