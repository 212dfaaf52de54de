"""Text with times: its pieces are the text, whatever the server can tell."""

from __future__ import annotations

import pytest

from client.transcript import TimedText, Transcript
from client.types import Alignment, Chunk, Event, ServerWarning, Word
from tests.client.conftest import RATE, receipt, record

TEXT = 'Well, "Dr. Lee" paid $5 - and/or 42; no? '


def started() -> Event:
    known = record().started
    assert known
    return known


def word(text: str, start: int, end: int, after: int = 0, spoken: str = TEXT) -> Word:
    begin = spoken.index(text, after)
    return Word(word=text, start_sample=start, end_sample=end, text_begin=begin, text_end=begin + len(text))


def chunk(first: int, count: int, begin: int, end: int, *, last: bool) -> Chunk:
    known = vars(receipt(0, first, count, 0)).copy()
    for name in ("taken_ns", "awaited_ns", "buffered_ns"):
        known.pop(name)
    known |= {"text_begin": begin, "text_end": end, "end_of_segment": last, "data": b"", "encoding": None}
    return Chunk(**known, sample_rate=RATE)


def test_pieces_put_together_are_the_text() -> None:
    transcript = Transcript()
    transcript.note(started())
    transcript.push(TEXT)
    names = ("Well", "Dr. Lee", "paid", "$5", "and", "or", "42", "no")
    words = tuple(word(name, n * 100, n * 100 + 90) for n, name in enumerate(names))
    pieces = transcript.note(Alignment(words=words[:3], received_ns=0))
    pieces += transcript.note(Alignment(words=words[3:], received_ns=0))
    assert [piece.text for piece in pieces] == ["Well,", ' "Dr. Lee"', " paid", " $5", " - and/", "or", " 42;", " no?"]
    assert [piece.word for piece in pieces] == list(names)
    assert pieces[1] == TimedText(text=' "Dr. Lee"', word="Dr. Lee", start_s=0.1, end_s=0.19)
    assert transcript.rest() == TimedText(text=" ", word="", start_s=0.79, end_s=0.79)
    assert transcript.rest().text == ""


def test_marks_that_come_after_their_word_go_to_the_next_piece() -> None:
    transcript = Transcript()
    transcript.note(started())
    transcript.push("Yes")
    assert [p.text for p in transcript.note(Alignment(words=(word("Yes", 0, 9, 0, "Yes"),), received_ns=0))] == ["Yes"]
    transcript.push(", no")
    no = word("no", 20, 30, 0, "Yes, no")
    assert [p.text for p in transcript.note(Alignment(words=(no,), received_ns=0))] == [", no"]


def test_a_word_that_comes_in_parts_is_given_once() -> None:
    transcript = Transcript()
    transcript.note(started())
    transcript.push("123456")
    parts = tuple(word("123456", n, n + 9, 0, "123456") for n in (0, 10))
    assert [p.text for p in transcript.note(Alignment(words=parts, received_ns=0))] == ["123456"]


@pytest.mark.parametrize("chunks", [1, 3])
def test_words_of_a_model_that_does_not_know_them_are_spread_over_their_segment(chunks: int) -> None:
    transcript = Transcript()
    transcript.note(started())
    transcript.note(ServerWarning(reason="ALIGNMENT_UNAVAILABLE", message="", received_ns=0))
    text = "One two. Three!"
    transcript.push(text)
    pieces = []
    for n in range(chunks):
        pieces += transcript.note(chunk(700 * n // chunks, 700 // chunks, 0, 8, last=n == chunks - 1))
    pieces += transcript.note(chunk(700, 600, 9, 15, last=True))
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.word for piece in pieces] == ["One", "two", "Three"]
    assert [round(piece.start_s, 1) for piece in pieces] == [0.0, 0.3, 0.7]
    assert pieces[-1].end_s == pytest.approx(1.3)


def test_a_model_that_knows_words_is_believed() -> None:
    transcript = Transcript()
    transcript.note(started())
    transcript.push("One")
    assert transcript.note(chunk(0, 700, 0, 3, last=True)) == []
