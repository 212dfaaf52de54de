"""Where the words of a text are in what is spoken for it."""

from __future__ import annotations

import re

import pytest

from engine.model import EMBEDDED
from engine.text.frontend import TextConfig
from engine.text.lengths import split_long
from engine.text.normalize import normalize, traced
from engine.text.spelled import SpelledText
from engine.text.traced import Traced
from engine.text.words import per_piece, written_words


def read(text: str) -> list[tuple[str, str]]:
    """(as written, as spoken) of each word."""
    spoken = traced(text)
    return [
        (text[word.text_begin : word.text_end], spoken.text[word.begin : word.end])
        for word in written_words(text, spoken)
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, world!", [("Hello", "hello"), ("world", "world")]),
        ("Dr. Lee has 42", [("Dr.", "doctor"), ("Lee", "lee"), ("has", "has"), ("42", "forty two")]),
        ("“Don’t,” he said…", [("Don’t", "don't"), ("he", "he"), ("said", "said")]),
        ("It costs $5 million.", [("It", "it"), ("costs", "costs"), ("$5 million", "five million dollars")]),
        ("At 3:45 p.m. sharp", [("At", "at"), ("3:45 p.m.", "three forty five p m"), ("sharp", "sharp")]),
        ("On March 3rd.", [("On", "on"), ("March", "march"), ("3rd", "third")]),
        ("A well-known cafe\u0301 ☕ – AT&T", [
            ("A", "a"), ("well-known", "well known"), ("cafe\u0301", "cafe"), ("AT&T", "at and t"),
        ]),
        ("wait—what", [("wait", "wait"), ("what", "what")]),
        ("**Bold** 1/2 ½, etc.", [("Bold", "bold"), ("1/2", "one half"), ("½", "one half"), ("etc.", "et cetera")]),
        ("St. Paul and Henry VIII", [
            ("St.", "saint"), ("Paul", "paul"), ("and", "and"), ("Henry", "henry"), ("VIII", "the eighth"),
        ]),
        ("🙂 ...", []),
    ],
)  # fmt: skip
def test_a_word_is_what_was_written_together(text: str, words: list[tuple[str, str]]) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    "text", ["Ｆｕｌｌ ｗｉｄｔｈ ① ﬁne", "각각 ÀÉÎ ﬀ Straße", "a\u0301\u0323b ½x", "İstanbul 5 Kİ"]
)
def test_spans_follow_every_character_through_the_rules(text: str) -> None:
    spoken = traced(text)
    assert len(spoken.spans) == len(spoken.text)
    assert all(0 <= begin <= end <= len(text) for begin, end in spoken.spans)
    assert all(one[0] <= other[0] for one, other in zip(spoken.spans, spoken.spans[1:], strict=False))
    assert spoken.text == normalize(text)


@pytest.mark.parametrize("unit", ["5 mİ", "5 mın", "3 ſec", "İan 3", "5 Oct", "jr. Dr."])
def test_letters_that_only_look_like_ours_when_case_is_ignored_break_nothing(unit: str) -> None:
    """The pattern for "mi" matches "mİ" when case is ignored; its small form was then in no table: KeyError."""
    assert normalize(unit)


def test_substitution_is_that_of_the_pattern_and_keeps_what_stays() -> None:
    pattern, text = re.compile(r"(\w+) (\d+)"), "say june 5 or may 12"
    result = Traced.of(text).sub(pattern, r"\1 the")
    assert result.text == pattern.sub(r"\1 the", text)
    assert [text[begin:end] for begin, end in (result.span(4, 8), result.span(9, 12))] == ["june", "5"]


def test_pieces_know_their_words() -> None:
    text = "One hundred and 42 small words, which come one after another, and a very long number 123456789012345678."
    spoken = traced(text)
    pieces = split_long(spoken.text, 40)
    assert len(pieces) > 3
    named = [
        (text[word.text_begin : word.text_end], piece[word.begin : word.end])
        for piece, words in zip(pieces, per_piece(written_words(text, spoken), spoken.text, pieces), strict=True)
        for word in words
    ]
    assert " ".join(part for _, part in named) == normalize(text).replace(",", "").replace(".", "")
    assert ("42", "forty two") in named
    assert [written for written, _ in named].count("123456789012345678") > 1, "cut between pieces, it is in each"


def test_the_embedded_front_end_has_one_token_a_character_and_words_for_each_piece() -> None:
    config = TextConfig(
        front_end="spelled", max_chars=30, max_text_tokens=30, base_tokens=1, tokens_per_text_token=1.0, max_tokens=9,
        sentence_pause_ms=0, clause_pause_ms=0, languages=("en-US",),
    )  # fmt: skip
    front_end = SpelledText(config, EMBEDDED)
    text = "Prof. Jones, aged 63, met the U.S. team."
    pieces, words = front_end.pieces(text, "en-US"), front_end.words(text, "en-US")
    assert front_end.knows_words
    assert [len(front_end.encode(piece, "en-US")) for piece in pieces] == [len(piece) for piece in pieces]
    spoken = [piece[word.begin : word.end] for piece, its in zip(pieces, words, strict=True) for word in its]
    assert spoken == ["professor", "jones", "aged", "sixty three", "met", "the", "u s", "team"]
