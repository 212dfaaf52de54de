"""What a gateway remembers: enough to go on, and no more than the text of an utterance."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import UtteranceFailed
from engine.messages import Aligned, AudioChunk, ChunkTimings, FlushDone, Place, Resume, Utterance, Warned, Word
from service.engines.record import Record
from service.engines.timings import GatewayTimings, Way

MS = 1_000_000
WAY = Way(7, 9)


def chunk(first: int, count: int = 10, place: Place | None = None, *, text_end: int = 0, cut_ns: int = 0) -> AudioChunk:
    samples = np.arange(first, first + count, dtype=np.float32)
    return AudioChunk(
        seq=0,
        first_sample=first,
        samples=samples,
        timings=ChunkTimings(text_received_ns=cut_ns, text_cut_ns=cut_ns),
        segment=0,
        end_of_segment=False,
        place=place,
        text_end=text_end,
    )


def word(start: int) -> Word:
    return Word(word="a", start_sample=start, end_sample=start + 1, text_begin=start, text_end=start + 1)


def test_samples_that_come_again_are_left_out() -> None:
    record = Record(Utterance(id="one"))
    assert len(list(record.new(chunk(0), WAY))) == 1
    assert not list(record.new(chunk(5, 5), WAY))
    (rest,) = record.new(chunk(5, 10), WAY)
    assert isinstance(rest, AudioChunk)
    assert (rest.first_sample, rest.samples.tolist(), rest.seq) == (10, [10, 11, 12, 13, 14], 1)


def test_samples_that_are_missing_are_an_error_and_no_silence() -> None:
    with pytest.raises(UtteranceFailed, match="left out 2 samples at 0"):
        list(Record(Utterance(id="one")).new(chunk(2), WAY))


def test_the_next_engine_goes_on_behind_the_last_chunk() -> None:
    record = Record(Utterance(id="one", seed=1))
    assert record.order().resume is None
    place = Place(segment=2, first_sample=5)
    list(record.new(chunk(0, place=place), WAY))
    order = record.order()
    assert order.resume == Resume(place=place, from_sample=10)
    assert order.want_tokens
    assert order.id != "one"  # the lost engine may come back with the old one


def test_an_utterance_that_a_client_resumed_goes_on_from_there() -> None:
    begun = Resume(place=Place(segment=4, first_sample=90), from_sample=100)
    record = Record(Utterance(id="one", resume=begun))
    assert record.order().resume == begun
    list(record.new(chunk(100), WAY))
    assert record.order().resume == Resume(place=begun.place, from_sample=110)


def test_a_segment_whose_words_have_not_come_is_spoken_again() -> None:
    record = Record(Utterance(id="one", want_alignment=True))
    first, second = Place(segment=1), Place(segment=2)
    list(record.new(chunk(0, place=first), WAY))
    list(record.new(Aligned(words=(word(0), word(3))), WAY))
    list(record.new(chunk(10, place=second), WAY))
    resume = record.order().resume
    assert resume is not None
    assert (resume.place, resume.from_sample) == (first, 20)
    (fresh,) = record.new(Aligned(words=(word(3), word(12))), WAY)
    assert fresh == Aligned(words=(word(12),))


def test_a_flush_is_answered_once_and_by_the_clients_id() -> None:
    record = Record(Utterance(id="one"))
    assert [record.flush(5).flush, record.flush(5).flush] == [0, 1]
    assert list(record.new(FlushDone(flush_id=0, end_sample=9), WAY)) == [FlushDone(flush_id=5, end_sample=9)]
    assert not list(record.new(FlushDone(flush_id=0, end_sample=9), WAY))
    assert list(record.new(FlushDone(flush_id=1, end_sample=9), WAY)) == [FlushDone(flush_id=5, end_sample=9)]


def test_flushes_without_text_do_not_pile_up() -> None:
    record = Record(Utterance(id="one"))
    record.text("a")
    for number in range(1000):
        record.flush(3)
        list(record.new(FlushDone(flush_id=number, end_sample=0), WAY))
    assert len(record.inputs) == 2


def test_a_warning_comes_once_for_each_move() -> None:
    record = Record(Utterance(id="one"))
    warned = Warned(reason="A", message="b")
    assert list(record.new(warned, WAY)) == [warned]
    assert list(record.new(warned, WAY)) == [warned]
    record.moves = 1
    assert not list(record.new(warned, WAY))


def timings(record: Record, spoken: AudioChunk, way: Way = WAY) -> GatewayTimings:
    (new,) = record.new(spoken, way)
    assert isinstance(new, AudioChunk)
    assert isinstance(new.timings, GatewayTimings)
    return new.timings


def test_a_chunk_tells_its_way_and_the_first_one_after_a_move_when_that_was() -> None:
    record = Record(Utterance(id="one"))
    record.order()
    first = timings(record, chunk(0))
    assert (first.engine_sent_ns, first.gateway_received_ns) == WAY
    assert first.move_start_ns == first.move_end_ns == 0
    record.lost(50)
    record.lost(60)  # the next one as well, before it had spoken
    record.order()
    assert not list(record.new(chunk(0), WAY))  # heard before
    moved = timings(record, chunk(10), Way(70, 80))
    assert (moved.move_start_ns, moved.move_end_ns) == (50, 80)
    assert timings(record, chunk(20)).move_start_ns == 0


def test_text_that_was_said_again_had_come_when_it_came_at_first() -> None:
    """The next engine stamped all text when it was said again: whoever wrote was blamed for seconds."""
    record = Record(Utterance(id="one"))
    record.order()
    for text in ("One two. ", "Three four. ", "Five"):
        record.text(text)
    came = [at for _, at in record._texts]
    list(record.new(chunk(0), WAY))
    record.lost(record._ordered_ns + 1)
    record.order()
    again_ns = record._ordered_ns + 5 * MS
    for first, (text_end, at) in enumerate(((8, came[0]), (9, came[0]), (10, came[1]), (25, came[2])), 1):
        told = timings(record, chunk(10 * first, text_end=text_end, cut_ns=again_ns))
        assert told.text_received_ns == told.text_cut_ns == at


def test_text_that_a_busy_engine_takes_long_to_cut_was_said_again_unless_some_came_since() -> None:
    """Where survivors were busy, the move was taken for a network that had the text for seconds."""
    record = Record(Utterance(id="one"))
    record.order()
    record.text("One two. ")
    ((_, came_ns),) = record._texts
    record.lost(record._ordered_ns + 1)
    record.order()
    cut_ns = record._ordered_ns + 700 * MS
    told = timings(record, chunk(0, text_end=8, cut_ns=cut_ns), Way(cut_ns, cut_ns))
    assert (told.text_received_ns, told.text_cut_ns, told.move_end_ns) == (came_ns, came_ns, cut_ns)
    record.text("Three.")
    assert timings(record, chunk(10, text_end=15, cut_ns=cut_ns)).text_cut_ns == cut_ns


def test_a_move_without_anything_to_speak_is_over_when_the_next_engine_is_asked() -> None:
    record = Record(Utterance(id="one"))
    record.order()
    record.lost(record._ordered_ns + 1)
    record.order()
    record.text("Hello.")
    later_ns = record._ordered_ns + 900 * MS
    told = timings(record, chunk(0, text_end=6, cut_ns=later_ns), Way(later_ns, later_ns))
    assert told.move_end_ns == record._ordered_ns
    assert told.text_cut_ns == later_ns


def test_room_of_the_lost_engine_is_not_room_of_the_next() -> None:
    record = Record(Utterance(id="one"))
    record.order()
    list(record.new(chunk(0, 100), WAY))
    assert record.release(30) == 30
    record.order()
    assert record.release(50) == 0
    list(record.new(chunk(100, 10), WAY))
    assert record.release(30) == 10
