"""A simulated agent on a scripted clock: what it says is spoken whole, once, and as soon as before."""

from __future__ import annotations

import statistics
from itertools import pairwise

from benchmarks.text.agent_replies import THINKS_S, cost_ms, play, replies

P50_BEFORE_S = 0.418  # of the same replies with the segmenter of 8ac31ae, which knew no markup and tore phrases


def test_nothing_is_lost_spoken_twice_or_torn() -> None:
    for reply in replies():
        cuts = play(reply)
        assert " ".join(" ".join(segment.text for _, segment in cuts).split()) == " ".join(reply.spoken.split())
        assert all(segment.text[-1] in ".,;:!?" for _, segment in cuts)
        ranges = [(segment.begin, segment.end) for _, segment in cuts]
        assert all(end <= begin for (_, end), (begin, _) in pairwise(ranges))


def test_the_first_segment_comes_no_later_than_before() -> None:
    firsts = [play(reply)[0][0] - THINKS_S for reply in replies()]
    assert statistics.median(firsts) <= P50_BEFORE_S + 0.0005, "to the digits that are given"


def test_a_sentence_has_a_cost() -> None:
    assert cost_ms("One sentence. **Another** one. ") > 0
