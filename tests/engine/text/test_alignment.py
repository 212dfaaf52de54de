"""Word times from made-up attention: right, in order, as early as they are certain, and never moved afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.messages import Word
from engine.text.alignment import SegmentAlignment
from engine.text.origin import Origin
from engine.text.segmenter import TextSegment
from engine.text.words import WrittenWord

TEXT = "so it goes, on"  # T3's text is the same, behind one special and before another
WORDS = tuple(
    WrittenWord(begin=begin + 1, end=end + 1, text_begin=begin, text_end=end)
    for begin, end in ((0, 2), (3, 5), (6, 10), (12, 14))
)
TRUTH = [(0, 3), (3, 4), (5, 11), (13, 16)]  # tokens; a rest between the second and the third, and after the third
N_TOKENS = 17
TOKEN = 960

Rows = list[NDArray[np.float32] | None]


def rows(seed: int = 0, noise: float = 0.02) -> Rows:
    """Attention of a speaker who reads from left to right; the first token's is not known."""
    rng = np.random.default_rng(seed)
    at = np.zeros(N_TOKENS, int)
    for token in range(N_TOKENS):
        for word, (begin, end) in zip(WORDS, TRUTH, strict=True):
            if begin <= token < end:
                at[token] = word.begin + (token - begin) * (word.end - word.begin) // (end - begin)
            elif token >= end:
                at[token] = word.end  # the space or comma behind it
    spread = rng.uniform(0, noise, (N_TOKENS, len(TEXT) + 2))
    spread[np.arange(N_TOKENS), at] = 1.0
    known = (spread / spread.sum(1, keepdims=True)).astype(np.float32)
    return [None, *known[1:]]


def aligned(begin: int = 0, words: tuple[WrittenWord, ...] = WORDS) -> SegmentAlignment:
    segment = TextSegment(text=TEXT, origin=Origin.verbatim(begin, len(TEXT)), received_ns=0, cut_ns=0)
    alignment = SegmentAlignment(words, segment, TOKEN)
    alignment.first_sample = 0
    return alignment


def whole(attention: Rows, *, complete: bool = True) -> tuple[Word, ...]:
    alignment = aligned()
    for row in attention:
        alignment.append(row)
    alignment.close(complete=complete)
    return alignment.words(len(attention) * TOKEN, True)


def tokens(words: tuple[Word, ...]) -> list[tuple[int, int]]:
    return [(word.start_sample // TOKEN, word.end_sample // TOKEN) for word in words]


def test_words_are_where_they_are_attended_to() -> None:
    words = whole(rows())
    assert [word.word for word in words] == ["so", "it", "goes", "on"]
    assert tokens(words) == TRUTH


@pytest.mark.parametrize("seed", range(20))
def test_attention_that_strays_now_and_then_leaves_the_words_in_order_and_near_their_place(seed: int) -> None:
    rng, attention = np.random.default_rng(seed), rows(seed, noise=0.1)
    stray = np.zeros(len(TEXT) + 2, np.float32)
    stray[rng.integers(len(stray))] = 1.0
    attention[int(rng.integers(1, N_TOKENS))] = stray
    found = np.array(tokens(whole(attention)))
    assert np.abs(found - np.array(TRUTH)).max() <= 3
    assert np.median(np.abs(found - np.array(TRUTH))) == 0
    assert (found[:, 0] < found[:, 1]).all()
    assert (found[:-1, 1] <= found[1:, 0]).all()


@pytest.mark.parametrize("step", [1, 2, 5])
def test_words_given_as_the_tokens_come_are_those_given_at_the_end(step: int) -> None:
    attention, alignment, given = rows(3, noise=0.1), aligned(), list[Word]()
    for at, row in enumerate(attention):
        alignment.append(row)
        if at % step == 0:
            given += alignment.words(N_TOKENS * TOKEN, False)
    assert len(given) >= 2, "words come before the segment has ended"
    alignment.close(complete=True)
    given += alignment.words(N_TOKENS * TOKEN, True)
    assert tuple(given) == whole(attention)
    assert alignment.words(N_TOKENS * TOKEN, True) == (), "each comes once"


def test_no_word_leaves_before_its_audio() -> None:
    alignment, given = aligned(), list[Word]()
    alignment.first_sample = 500
    for row in rows():
        alignment.append(row)
    alignment.close(complete=True)
    for until in range(0, N_TOKENS * TOKEN, 100):
        fresh = alignment.words(until, False)
        assert all(word.end_sample <= until for word in fresh)
        given += fresh
    assert tokens(tuple(given)) == TRUTH
    assert given[0].start_sample == 500


def test_positions_are_those_of_the_whole_text() -> None:
    alignment = aligned(begin=1000)
    for row in rows():
        alignment.append(row)
    alignment.close(complete=True)
    word = alignment.words(N_TOKENS * TOKEN, True)[2]
    assert (word.word, word.text_begin, word.text_end) == ("goes", 1006, 1010)


def test_a_word_that_attention_passed_over_lasts_a_token() -> None:
    attention = rows()
    jump = attention[TRUTH[2][0]]
    for token in range(TRUTH[1][0], TRUTH[2][0]):
        attention[token] = jump
    found = tokens(whole(attention))
    assert len(found) == len(WORDS)
    assert found[1][1] - found[1][0] == 1


def test_words_that_were_cut_off_have_no_time() -> None:
    assert [word.word for word in whole(rows()[:9], complete=False)] == ["so", "it", "goes"]


def test_a_speaker_who_stopped_by_himself_has_said_all_words() -> None:
    attention = rows()
    last = attention[TRUTH[2][1] - 1]
    for token in range(TRUTH[2][1], N_TOKENS):
        attention[token] = last
    assert [word.word for word in whole(attention[:-5])] == ["so", "it", "goes", "on"]


def test_no_word_ends_behind_the_audio() -> None:
    alignment = aligned()
    for row in rows()[:15]:
        alignment.append(row)
    alignment.close(complete=True)
    words = alignment.words(14 * TOKEN, True)
    assert [word.word for word in words] == ["so", "it", "goes", "on"]
    assert words[-1].end_sample == 14 * TOKEN


def test_a_segment_without_tokens_or_without_words_has_none() -> None:
    silent = aligned()
    silent.close(complete=True)
    assert silent.words(0, True) == ()
    wordless = aligned(words=())
    for row in rows():
        wordless.append(row)
    wordless.close(complete=True)
    assert wordless.words(N_TOKENS * TOKEN, True) == ()
