"""Spans of time."""

from __future__ import annotations

from client._clock import Span
from client.attribution.observations import length_ns, merged, without


def test_merged_spans_do_not_overlap() -> None:
    assert merged([Span(5, 9), Span(1, 3), Span(2, 4), Span(9, 10), Span(7, 7)]) == [Span(1, 4), Span(5, 10)]


def test_what_is_left_lies_around_the_holes() -> None:
    assert without(Span(0, 10), [Span(-5, 1), Span(4, 6), Span(5, 7), Span(9, 20)]) == [Span(1, 4), Span(7, 9)]
    assert without(Span(0, 10), []) == [Span(0, 10)]
    assert without(Span(0, 10), [Span(0, 10)]) == []


def test_time_that_two_spans_share_counts_once() -> None:
    assert length_ns([Span(0, 10), Span(5, 12)]) == 12
