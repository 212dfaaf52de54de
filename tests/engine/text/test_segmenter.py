"""Where text is cut: behind sentences and clauses, whatever pieces it comes in."""

import random

import pytest

from engine.text.segmenter import Segmenter, SegmenterConfig, split_long
from tests.engine.text.sentences import SENTENCES

SECOND = 1_000_000_000
CONFIG = SegmenterConfig()
LONG = SegmenterConfig(max_chars=250, first_clause_chars=60, clause_chars=150)

TEXTS = [
    "Hello there. How are you? Fine!",
    'Dr. Smith paid $3.50 at 3 p.m. yesterday, or so they say. "Really?" she asked; nobody knew. The U.S. army came.',
    "Then, after a very long and tedious journey through mountains that nobody had mapped before, we arrived at last.",
    "A list:\n- one\n- two\n\nA new paragraph without an end",
    "wordwithoutanyspace" * 12,
    "Meet me at 5 p.m. Bring the book, the pen, and the lamp, please, as soon as you possibly can, will you?",
    "We met at 5 p.m.  \n \nThen on page 12.\n\n It was the 3. or so. Yes",
    "Tags [clear throat] may [laugh] stand [sigh anywhere, really " * 4,
]
ENDLESS = "これは文の終わりがない長い文章で" * 20


def cut(pieces: list[str], config: SegmenterConfig = CONFIG) -> list[str]:
    segmenter = Segmenter(config, 10 * SECOND)
    segments = [segment for piece in pieces for segment in segmenter.push(piece, 0)]
    return [segment.text for segment in segments + segmenter.flush(0)]


def shatter(text: str, rng: random.Random) -> list[str]:
    marks = sorted(rng.sample(range(len(text)), min(len(text) - 1, 9)))
    return [text[begin:end] for begin, end in zip([0, *marks], [*marks, len(text)], strict=True)]


@pytest.mark.parametrize("config", [CONFIG, LONG], ids=["short", "long"])
@pytest.mark.parametrize("text", [*TEXTS, *SENTENCES.values(), ENDLESS])
def test_cuts_depend_on_the_text_and_not_on_its_pieces(text: str, config: SegmenterConfig) -> None:
    whole = cut([text], config)
    assert cut(list(text), config) == whole
    for seed in range(20):
        assert cut(shatter(text, random.Random(seed)), config) == whole


def test_cuts_of_random_marks_depend_on_the_text_alone() -> None:
    rng = random.Random(0)
    for _ in range(300):
        text = "".join(
            rng.choices(["a", "I", "5", ". ", ".", "?", "。", "，", "」", "؟", "।", "…", " ", "\n", "z.b.", "[a"], k=60)
        )
        assert cut(list(text)) == cut([text]) == cut(shatter(text, rng))


@pytest.mark.parametrize("text", [*TEXTS, *SENTENCES.values(), ENDLESS])
def test_nothing_is_lost_and_no_segment_is_too_long(text: str) -> None:
    segments = cut([text])
    assert "".join(segments).rstrip() == text.rstrip()
    assert max(map(len, segments)) <= CONFIG.max_chars


@pytest.mark.parametrize("code", sorted(set(SENTENCES) - {"el"}))
def test_two_sentences_are_two_segments_in_every_language(code: str) -> None:
    """Greek asks with a semicolon, which is a clause mark elsewhere."""
    assert cut([SENTENCES[code]], LONG)[0][-1] in "?؟？！!。"


@pytest.mark.parametrize(
    ("text", "first"),
    {
        "今天很好。我们走吧！": "今天很好。",
        "「はい。」と言った。": "「はい。」",
        "本当！？うん。": "本当！？",
        "आज अच्छा है।कल?": "आज अच्छा है।",
        "یہ اچھا ہے۔ کل؟": "یہ اچھا ہے۔",
        "Τι; Ναι\u037e Όχι.": "Τι; Ναι\u037e",
        "「はい」 と。次": "「はい」 と。",
    }.items(),
)
def test_full_stops_of_other_scripts_end_sentences(text: str, first: str) -> None:
    assert cut([text])[0] == first


def test_a_full_stop_waits_for_the_quote_that_may_close_behind_it() -> None:
    segmenter = Segmenter(CONFIG, SECOND)
    assert segmenter.push("「はい。", 0) == []
    assert segmenter.push("」", 0) == []
    assert [segment.text for segment in segmenter.push("と", 0)] == ["「はい。」"]


def test_an_east_asian_syllable_is_as_long_as_three_letters() -> None:
    segments = cut([ENDLESS], LONG)
    assert {len(segment) for segment in segments[:-1]} == {250 // 3}


def test_long_text_without_spaces_is_cut_at_commas() -> None:
    assert cut(["天" * 20 + "，" + "天" * 40]) == ["天" * 20 + "，", "天" * 30, "天" * 10]
    assert split_long("天" * 20 + "，" + "天" * 15, 90) == ["天" * 20 + "，", "天" * 15]
    assert split_long("AI " + "天" * 40, 90) == ["AI " + "天" * 29, "天" * 11]


@pytest.mark.parametrize(
    "text", ["Wir sind am 3. und 4. mai da. ", "Das ist z. B. gut, bzw. usw. und so. ", "А. С. Пушкин. "]
)
def test_dots_of_other_languages_end_no_sentence(text: str) -> None:
    assert cut([text]) == [text.rstrip()]


def test_a_number_ends_a_sentence_where_a_capital_follows() -> None:
    assert cut(["There are 12. Then came 5."]) == ["There are 12.", " Then came 5."]


def test_a_tag_is_never_cut() -> None:
    config = SegmenterConfig(max_chars=30, first_clause_chars=10, clause_chars=20)
    for shift in range(30):
        text = "x" * shift + " [clear throat] " + "word " * 10
        assert any("[clear throat]" in segment for segment in cut(list(text), config))
    assert split_long("y" * 25 + "[clear throat]", 30) == ["y" * 25, "[clear throat]"]


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
