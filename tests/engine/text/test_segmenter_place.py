"""A segmenter goes on with a text that another one began, from the place of any of its segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidRequest
from engine.messages import CodeBlocks, Place, TextFormat
from engine.text.markup import Style
from engine.text.segmenter import FlushPoint, Segmenter, SegmenterConfig, TextSegment

SECOND = 1_000_000_000
STYLE = Style(text_format=TextFormat.AUTO, code_blocks=CodeBlocks.ANNOUNCE, is_english=True)
FRAGMENTS = [
    "Hello there. ", "It was 3.", "5 p.m. ", "Well, ", "no", " end", "\n", "\n\n", "- one\n", "- two", "1. first\n",
    "  - ", "**bold", "** ", "*", "[a link](http", "s://x.io/a) ", "`code", "` ", "```\n", "x = 1\n", "<b", "r> ",
    "<break time='1s'/>", "&am", "p; ", "# Title\n", "| a | b |\n", "$x", "^2$ ", "Really?", " \t", "。", "word " * 30,
    "~~gone", "~~ ",
]  # fmt: skip


@dataclass(frozen=True)
class Flush:
    """The text before it is to be cut."""


@dataclass(frozen=True)
class Pause:
    """Nothing comes until time has decided, so often."""

    times: int


Doing = str | Flush | Pause
doings = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.sampled_from(FRAGMENTS), st.just(Flush()), st.integers(1, 3).map(Pause)),
    max_size=14,
)


def written(doings: Sequence[Doing]) -> list[TextSegment]:
    return written_and_settled(doings)[0]


def written_and_settled(doings: Sequence[Doing]) -> tuple[list[TextSegment], tuple[int, ...]]:
    """What is cut when text comes like this, and then ends; and where time or a flush decided for markup."""
    segmenter, now, cut = Segmenter(SegmenterConfig(), SECOND, STYLE), 0, list[TextSegment | FlushPoint]()
    for doing in doings:
        if isinstance(doing, str):
            segmenter.push(doing, now)
        elif isinstance(doing, Flush):
            segmenter.flush(1, now)
        else:
            for _ in range(doing.times):
                if (deadline_ns := segmenter.deadline_ns) is not None:
                    now = deadline_ns
                    cut += segmenter.take(now)
        cut += segmenter.take_all(now)
    settled = segmenter._settled
    segmenter.end(now)
    cut += segmenter.take_all(now)
    return [one for one in cut if isinstance(one, TextSegment)], settled


def resumed(doings: Sequence[Doing], place: Place, step: int = 10**6, *, flushes: bool = True) -> list[TextSegment]:
    """The same text again, without its pauses, read in other steps."""
    segmenter, cut = Segmenter(SegmenterConfig(), SECOND, STYLE, place), list[TextSegment | FlushPoint]()
    for doing in doings:
        if isinstance(doing, str):
            segmenter.push(doing, 0)
        elif isinstance(doing, Flush) and flushes:
            segmenter.flush(1, 0)
    segmenter.end(0)
    while segmenter.has_input:
        cut += segmenter.take(0, step)
    return [one for one in cut if isinstance(one, TextSegment)]


def at(segment: TextSegment) -> Place:
    return Place(text_begin=segment.cut.begin, text_end=segment.cut.end, settled=segment.cut.settled)


def behind(segment: TextSegment) -> Place:
    return Place(text_begin=segment.cut.end, settled=segment.cut.settled)


def sound(segment: TextSegment) -> tuple[object, ...]:
    """What can be heard of it, and where it was sent."""
    spans = [segment.origin.span(index, index + 1) for index in range(len(segment.text))]
    return segment.text, spans, segment.cut.begin, segment.cut.end


@settings(max_examples=300, deadline=None)
@given(doings, st.integers(1, 40), st.booleans())
def test_the_first_segment_is_cut_as_it_was(doings: list[Doing], step: int, flushes: bool) -> None:
    segments = written(doings)
    for segment in segments:
        first, *_ = resumed(doings, at(segment), step, flushes=flushes)
        assert sound(first) == sound(segment)
        assert first.cut.settled[: len(segment.cut.settled)] == segment.cut.settled
        assert first.pause_s <= segment.pause_s


@settings(max_examples=200, deadline=None)
@given(doings, st.integers(1, 40))
def test_behind_a_segment_comes_what_came_there(doings: list[Doing], step: int) -> None:
    """As far as no pause has changed what markup made of it."""
    segments, settled = written_and_settled(doings)
    for index, segment in enumerate(segments):
        following = segments[index + 1 :]
        if segment.cut.settled != settled:
            continue
        again = resumed(doings, behind(segment), step)
        assert _visible(again) == _visible(following)
        if following:
            assert following[0].pause_s == max(again[0].pause_s, segment.cut.pause_s)


@settings(max_examples=200, deadline=None)
@given(doings.map(lambda some: [one for one in some if not isinstance(one, Pause)]), st.integers(1, 40))
def test_where_text_alone_decides_all_segments_are_cut_as_they_were(doings: list[Doing], step: int) -> None:
    segments = written(doings)
    for index, segment in enumerate(segments):
        assert list(map(sound, resumed(doings, behind(segment), step))) == list(map(sound, segments[index + 1 :]))
        assert list(map(sound, resumed(doings, at(segment), step))) == list(map(sound, segments[index:]))


@settings(max_examples=100, deadline=None)
@given(doings)
def test_a_place_of_a_segmenter_that_went_on_is_as_good(doings: list[Doing]) -> None:
    """An utterance may move twice."""
    for segment in written(doings):
        again = resumed(doings, at(segment))
        for one in again:
            assert sound(resumed(doings, at(one))[0]) == sound(one)


def _visible(segments: Sequence[TextSegment]) -> str:
    return "".join("".join(segment.text for segment in segments).split())


def test_a_first_clause_may_be_short_at_the_beginning_only() -> None:
    text = "When the rain had stopped, we went out. When the sun had come out, we came back and slept."
    first, second, third = written([text])
    assert (first.text, second.text) == ("When the rain had stopped,", "we went out.")
    assert [one.text for one in resumed([text], behind(second))] == [third.text]
    assert [one.text for one in resumed([text], Place())] == [first.text, second.text, third.text]


def test_no_pause_decides_before_the_place_is_reached() -> None:
    segmenter = Segmenter(SegmenterConfig(), SECOND, STYLE, Place(text_begin=30, text_end=60))
    segmenter.push("It was a sentence. And", 0)
    assert segmenter.take_all(0) == []
    assert segmenter.deadline_ns is None


@pytest.mark.parametrize("place", [Place(text_begin=30), Place(text_begin=5, text_end=30)])
def test_a_text_that_ends_before_the_place_is_refused(place: Place) -> None:
    with pytest.raises(InvalidRequest) as refused:
        resumed(["It ends here."], place)
    assert refused.value.field.startswith("config.resume")


def test_a_place_behind_all_text_has_nothing_more_to_cut() -> None:
    (only,) = written(["It ends here."])
    assert resumed(["It ends here."], behind(only)) == []


def test_flushes_within_markup_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told with every chunk that comes behind it: they grew without an end."""
    monkeypatch.setattr("engine.text.segmenter.MOST_SETTLED", 5)
    written(["<b", Flush()] * 5)
    with pytest.raises(InvalidRequest, match="flushed within markup"):
        written(["<b", Flush()] * 6)
