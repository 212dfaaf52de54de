"""Where text is cut: behind sentences and clauses, whatever pieces it comes in."""

import random

import pytest

from engine.text.segmenter import Segmenter, SegmenterConfig, split_long

SECOND = 1_000_000_000
CONFIG = SegmenterConfig()

TEXTS = [
    "Hello there. How are you? Fine!",
    'Dr. Smith paid $3.50 at 3 p.m. yesterday, or so they say. "Really?" she asked; nobody knew. The U.S. army came.',
    "Then, after a very long and tedious journey through mountains that nobody had mapped before, we arrived at last.",
    "A list:\n- one\n- two\n\nA new paragraph without an end",
    "wordwithoutanyspace" * 12,
    "Meet me at 5 p.m. Bring the book, the pen, and the lamp, please, as soon as you possibly can, will you?",
]


def cut(pieces: list[str], config: SegmenterConfig = CONFIG) -> list[str]:
    segmenter = Segmenter(config, 10 * SECOND)
    segments = [segment for piece in pieces for segment in segmenter.push(piece, 0)]
    return [segment.text for segment in segments + segmenter.flush(0)]


def shatter(text: str, rng: random.Random) -> list[str]:
    marks = sorted(rng.sample(range(len(text)), min(len(text) - 1, 9)))
    return [text[begin:end] for begin, end in zip([0, *marks], [*marks, len(text)], strict=True)]


@pytest.mark.parametrize("text", TEXTS)
def test_cuts_depend_on_the_text_and_not_on_its_pieces(text: str) -> None:
    whole = cut([text])
    assert cut(list(text)) == whole
    for seed in range(20):
        assert cut(shatter(text, random.Random(seed))) == whole


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_is_lost_and_no_segment_is_too_long(text: str) -> None:
    segments = cut([text])
    assert "".join(segments) == text
    assert max(map(len, segments)) <= CONFIG.max_chars


def test_a_sentence_leaves_as_soon_as_white_space_shows_that_it_ended() -> None:
    segmenter = Segmenter(CONFIG, SECOND)
    assert segmenter.push("It costs 3.", 0) == []
    assert segmenter.push("5 euros.", 0) == []
    (segment,) = segmenter.push(" ", 0)
    assert segment.text == "It costs 3.5 euros."


@pytest.mark.parametrize(
    "text", ["Dr. Who came. ", "See e.g. the book. ", "J. R. R. Tolkien wrote. ", "Mr. Fox vs. Mrs. Hen. "]
)
def test_a_dot_of_an_abbreviation_ends_no_sentence(text: str) -> None:
    assert cut([text]) == [text.rstrip()]


def test_an_abbreviation_ends_a_sentence_where_a_capital_follows() -> None:
    assert cut(["We left at 5 p.m. Then it rained."]) == ["We left at 5 p.m.", " Then it rained."]


def test_the_first_segment_may_be_a_clause() -> None:
    """Its listener waits in silence; later ones listen to what came before."""
    assert cut(["When the rain had stopped, we went out, and then we"])[0] == "When the rain had stopped,"


def test_offsets_point_into_all_text_sent() -> None:
    text = TEXTS[1]
    segmenter = Segmenter(CONFIG, SECOND)
    segments = segmenter.push(text, 0) + segmenter.flush(0)
    assert all(text[segment.begin :].startswith(segment.text) for segment in segments)


def test_after_the_longest_wait_complete_words_are_spoken() -> None:
    segmenter = Segmenter(CONFIG, SECOND)
    segmenter.push("well I thi", 5)
    assert segmenter.deadline_ns == SECOND + 5
    assert segmenter.overdue(SECOND) == []
    (segment,) = segmenter.overdue(SECOND + 5)
    assert segment.text == "well I "
    assert segmenter.deadline_ns is None
    assert [segment.text for segment in segmenter.push("nk so. ", SECOND)] == ["think so."]


def test_white_space_alone_never_becomes_a_segment() -> None:
    segmenter = Segmenter(CONFIG, SECOND)
    assert segmenter.push("  \n \n\n ", 0) == []
    assert segmenter.deadline_ns is None
    assert segmenter.flush(0) == []


def test_split_long_prefers_commas_and_never_cuts_a_word() -> None:
    text = "one hundred and twenty three thousand, four hundred and fifty six dollars and seventy eight cents"
    pieces = split_long(text, 60)
    assert " ".join(pieces) == text
    assert pieces[0].endswith(",")
    assert max(map(len, pieces)) <= 60
    assert split_long("", 60) == []
    assert split_long("x" * 130, 60) == ["x" * 60, "x" * 60, "x" * 10]
