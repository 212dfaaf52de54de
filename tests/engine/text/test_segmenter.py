"""Where text is cut: behind sentences and clauses, whatever pieces it comes in."""

import random
import sys
import time
from types import FrameType
from typing import Any

import pytest

from engine.messages import CodeBlocks, TextFormat
from engine.text.lengths import split_long
from engine.text.markup import Style
from engine.text.segmenter import PLAIN, TURN_CHARS, FlushPoint, Segmenter, SegmenterConfig, TextSegment
from engine.text.sentences import RUN
from tests.engine.text.sentences import SENTENCES

SECOND = 1_000_000_000
CONFIG = SegmenterConfig()
LONG = SegmenterConfig(max_chars=250, first_clause_chars=60, clause_chars=150)

AUTO = Style(text_format=TextFormat.AUTO, code_blocks=CodeBlocks.SKIP, is_english=True)

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
    return [segment.text for piece in pieces for segment in push(segmenter, piece)] + flush(segmenter)


def push(segmenter: Segmenter, text: str, now_ns: int = 0) -> list[TextSegment]:
    segmenter.push(text, now_ns)
    return [taken for taken in segmenter.take_all(now_ns) if isinstance(taken, TextSegment)]


def flush(segmenter: Segmenter) -> list[str]:
    segmenter.end(0)
    return [taken.text for taken in segmenter.take_all(0) if isinstance(taken, TextSegment)]


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
    assert "".join("".join(segments).split()) == "".join(text.split())
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
    assert push(segmenter, "「はい。", 0) == []
    assert push(segmenter, "」", 0) == []
    assert [segment.text for segment in push(segmenter, "と", 0)] == ["「はい。」"]


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
    assert cut(["There are 12. Then came 5."]) == ["There are 12.", "Then came 5."]


def test_a_tag_is_never_cut() -> None:
    config = SegmenterConfig(max_chars=30, first_clause_chars=10, clause_chars=20)
    for shift in range(30):
        text = "x" * shift + " [clear throat] " + "word " * 10
        assert any("[clear throat]" in segment for segment in cut(list(text), config))
    assert split_long("y" * 25 + "[clear throat]", 30) == ["y" * 25, "[clear throat]"]


def test_a_sentence_leaves_as_soon_as_white_space_shows_that_it_ended() -> None:
    segmenter = Segmenter(CONFIG, SECOND)
    assert push(segmenter, "It costs 3.", 0) == []
    assert push(segmenter, "5 euros.", 0) == []
    (segment,) = push(segmenter, " ", 0)
    assert segment.text == "It costs 3.5 euros."


@pytest.mark.parametrize(
    "text", ["Dr. Who came. ", "See e.g. the book. ", "J. R. R. Tolkien wrote. ", "Mr. Fox vs. Mrs. Hen. "]
)
def test_a_dot_of_an_abbreviation_ends_no_sentence(text: str) -> None:
    assert cut([text]) == [text.rstrip()]


def test_an_abbreviation_ends_a_sentence_where_a_capital_follows() -> None:
    assert cut(["We left at 5 p.m. Then it rained."]) == ["We left at 5 p.m.", "Then it rained."]


def test_the_first_segment_may_be_a_clause() -> None:
    """Its listener waits in silence; later ones listen to what came before."""
    assert cut(["When the rain had stopped, we went out, and then we"])[0] == "When the rain had stopped,"


def test_offsets_point_into_all_text_sent() -> None:
    text = TEXTS[1]
    segmenter = Segmenter(CONFIG, SECOND)
    segments = push(segmenter, text + "\n\n.", 0)
    assert all(text[segment.begin :].startswith(segment.text) for segment in segments)


def test_more_text_leaves_the_range_of_a_segment_as_it_is() -> None:
    """It shares what tells its range with those behind it, as long as they are not spoken."""
    text = "*One* two. **Three** four.\n- Five &amp; six.\n1. Seven.\n" * 20
    segmenter, at_once, segments = Segmenter(CONFIG, SECOND, AUTO), [], []
    for char in text:
        cut_now = push(segmenter, char)
        segments += cut_now
        at_once += [[one.origin.span(at, at + 1) for at in range(len(one.text))] for one in cut_now]
    assert len(segments) > 60
    assert [[one.origin.span(at, at + 1) for at in range(len(one.text))] for one in segments] == at_once


def test_white_space_alone_never_becomes_a_segment() -> None:
    segmenter = Segmenter(CONFIG, SECOND)
    assert push(segmenter, "  \n \n\n ") == []
    assert segmenter.deadline_ns is None
    assert flush(segmenter) == []


def test_split_long_prefers_commas_and_never_cuts_a_word() -> None:
    text = "one hundred and twenty three thousand, four hundred and fifty six dollars and seventy eight cents"
    pieces = split_long(text, 60)
    assert " ".join(pieces) == text
    assert pieces[0].endswith(",")
    assert max(map(len, pieces)) <= 60
    assert split_long("", 60) == []
    assert split_long("x" * 130, 60) == ["x" * 60, "x" * 60, "x" * 10]


def after(pieces: list[tuple[float, str]], until: float, style: Style = PLAIN) -> list[tuple[float, str]]:
    """(when, text) of what is cut when pieces come at these seconds and no end follows before `until`."""
    segmenter, cuts = Segmenter(CONFIG, SECOND, style), []
    for at, piece in [*pieces, (until, "")]:
        while (deadline := segmenter.deadline_ns) is not None and deadline <= at * SECOND:
            cuts += [(deadline / SECOND, taken.text) for taken in segmenter.take(deadline)]  # type: ignore[union-attr]
        cuts += [(at, segment.text) for segment in push(segmenter, piece, round(at * SECOND))]
    return cuts


def test_a_whole_sentence_goes_soon_after_the_model_pauses() -> None:
    """It waited a second, then "up." was left for what came four seconds later."""
    pieces = [(0.02 * n, word) for n, word in enumerate(["Let", " me", " look", " that", " up."])]
    assert after([*pieces, (4.1, " I found three"), (4.12, " rooms."), (4.14, " ")], 5) == [
        (0.28, "Let me look that up."),
        (4.14, "I found three rooms."),
    ]


def test_a_slow_writer_is_not_cut_after_each_word() -> None:
    text = "I found three rooms that are free on that night. Which one"
    cuts = after([(0.35 * n, word + " ") for n, word in enumerate(text.split())], 3.9)
    assert [text for _, text in cuts] == ["I found three rooms that are free on that night."]


def test_no_phrase_is_torn_by_a_pause() -> None:
    assert after([(0, "Well, I think that you")], 5.9) == [(1, "Well,")]
    assert after([(0, "I think that you")], 5.9) == []
    assert after([(0, "I think that you")], 6.1) == [(6, "I think that")]


@pytest.mark.parametrize("text", ["It costs 3.", "He met Dr.", "We need apples, e.g."])
def test_a_pause_behind_a_dot_that_may_go_on_waits_longer(text: str) -> None:
    assert after([(0, text)], 0.9) == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("I found three rooms.Which one do you want?", "I found three rooms."),
        ("Really?Yes, of course.", "Really?"),
        ("That makes 12.Then we left.", "That makes 12."),
        ("We are done.I will call.", "We are done."),
        ("“It works.”Then she left.", "“It works.”"),
    ],
)
def test_a_capital_behind_a_full_stop_begins_a_sentence(text: str, first: str) -> None:
    assert cut([text])[0] == first
    assert cut(list(text)) == cut([text])


@pytest.mark.parametrize(
    "text",
    ["Use Node.JS here", "See example.Com now", "It is System.Text.Json", "call list.Add(3)", "Read Readme.Md first",
     "the U.S.Army", "mail bob@site.Example now", "St.Louis and Mt.Hood", "ASP.NET and Socket.IO", "v1.Beta_two"],
)  # fmt: skip
def test_hosts_files_and_names_are_whole(text: str) -> None:
    assert cut([text]) == [text]


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("Gen. Lee near Mt. Hood. It rained.", ["Gen. Lee near Mt. Hood.", "It rained."]),
        ("12 Oak Dr. or 9 Elm Ave. Apt. 4B.", ["12 Oak Dr. or 9 Elm Ave. Apt. 4B."]),
        ("I live on 12 Oak Dr. The house is red.", ["I live on 12 Oak Dr.", "The house is red."]),
        ("He is in the U.S. Army. Fine.", ["He is in the U.S. Army.", "Fine."]),
        ("He is in the U.S. The army is.", ["He is in the U.S.", "The army is."]),
        ("He sat. I was in the sun. We left.", ["He sat.", "I was in the sun.", "We left."]),
        ("Take No. 5 now. No. I will not.", ["Take No. 5 now.", "No.", "I will not."]),
        ("At 10:00 p.m. EST we go. Or 5 p.m. Monday.", ["At 10:00 p.m. EST we go.", "Or 5 p.m. Monday."]),
    ],
)
def test_titles_and_addresses_end_no_sentence(text: str, segments: list[str]) -> None:
    assert cut([text]) == segments
    assert cut(list(text)) == segments


def test_flushes_come_in_order_with_the_text_before_them() -> None:
    segmenter = Segmenter(CONFIG, SECOND)
    segmenter.push("One two", 0)
    segmenter.flush(7, 0)
    segmenter.push("three", 0)
    segmenter.end(0)
    taken = segmenter.take_all(0)
    assert [one.flush_id if isinstance(one, FlushPoint) else one.text for one in taken] == ["One two", 7, "three", None]


def test_a_turn_is_bounded() -> None:
    segmenter = Segmenter(CONFIG, SECOND)
    segmenter.push("Hi! " * 5_000, 0)
    turns = 0
    while segmenter.has_input:
        assert len(segmenter.take(0, max_chars=100)) <= 26
        turns += 1
    assert turns == 200


FLOODS = {
    "ideographs": "天。", "short": "Hi! ", "no space": "x", "spaces": " ", "commas": ",", "marks": "a\u0301",
    "dots": ".", "letters": "a.", "initials": "a. ", "glued": "ab.Bc", "lists": "\n1. a", "times": "5 p.m. A",
    "tags": "[a ", "dashes": " -", "wide": "天", "mixed": "a天", "questions": "?", "words": "hello there ",
}  # fmt: skip

MARKUP = {
    "empty lines": "a\n\n", "bullets": "- a\n", "numbers": "1.\n", "numbered": "1. a\n", "underlines": "=\n",
    "headings": "# a\n", "rows": "| a |\n", "quotes": "> a\n", "formulas": "$x^2$ ", "images": "![a",
    "emphasis": "*a* ", "paragraphs": "<p>a", "code": "`a` ", "links": "[a](b) ", "dots": ".\n", "number": "1. ",
    "brackets": "1)\n", "no list": "2.\n", "underscores": "_\n", "dashes": "--\n", "sentences": "a.\n", "bars": "|\n",
}  # fmt: skip


MOST_CALLS = 11  # of Python and C, for a character: where each other one ends a sentence; of ordinary text it is a half
MOST_MARKUP_CALLS = 23  # where each line is an item of a list that a number begins


def operations(text: str, style: Style = PLAIN) -> tuple[int, int]:
    """Calls of Python and of C that cutting takes, and the longest text that any of them may look at."""
    segmenter, count, longest = Segmenter(CONFIG, SECOND, style), 0, 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    segmenter.push(text, 0)
    segmenter.end(0)
    sys.setprofile(note)
    try:
        while segmenter.has_input:
            segmenter.take(0)
            longest = max(longest, len(segmenter._buffer))
    finally:
        sys.setprofile(None)
    return count, longest


@pytest.mark.parametrize("unit", FLOODS.values(), ids=FLOODS)
def test_ten_times_the_text_takes_ten_times_the_work(unit: str) -> None:
    """Operations are counted: a clock also sees other processes and the garbage collector, and once took that for 18
    times the work. None of them looks at more than a part of the text that is bounded, so they all cost the same."""
    one, ten = (operations(unit * (length // len(unit))) for length in (4_000, 40_000))
    assert ten[0] < 10.2 * one[0]
    assert ten[0] < MOST_CALLS * 40_000
    assert ten[1] <= TURN_CHARS + CONFIG.max_chars + 2 * RUN


@pytest.mark.parametrize("unit", MARKUP.values(), ids=MARKUP)
def test_markup_takes_ten_times_the_work_for_ten_times_the_text(unit: str) -> None:
    one, ten = (operations(unit * (length // len(unit)), AUTO) for length in (4_000, 40_000))
    assert ten[0] < 10.2 * one[0]
    assert ten[0] < MOST_MARKUP_CALLS * 40_000


@pytest.mark.real_time
@pytest.mark.parametrize("unit", FLOODS.values(), ids=FLOODS)
def test_a_whole_text_is_cut_at_once(unit: str) -> None:
    def seconds() -> float:
        segmenter = Segmenter(CONFIG, SECOND)
        began = time.thread_time()
        segmenter.push(unit * (20_000 // len(unit)), 0)
        segmenter.end(0)
        segmenter.take_all(0)
        return time.thread_time() - began

    assert min(seconds() for _ in range(5)) < 0.2, "0.004 to 0.06 s on two quiet cores"


def test_a_pause_that_is_asked_for_stands_before_its_segment() -> None:
    style = Style(text_format=TextFormat.SSML, code_blocks=CodeBlocks.SKIP, is_english=True)
    text = 'One <break time="2s"/>two. Three.<break time="500ms"/> <break strength="x-strong"/>Four <break/>five.'
    for pieces in ([text], list(text)):
        segmenter = Segmenter(CONFIG, SECOND, style)
        for piece in pieces:
            segmenter.push(piece, 0)
        segmenter.end(0)
        cuts = [taken for taken in segmenter.take_all(0) if isinstance(taken, TextSegment)]
        assert [(one.text, one.pause_s) for one in cuts] == [
            ("One,", 0.0), ("two.", 2.0), ("Three.", 0.0), ("Four,", 1.0), ("five.", 0.0),
        ]  # fmt: skip
