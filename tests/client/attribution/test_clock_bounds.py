"""The server's clock, by cause and effect."""

from __future__ import annotations

import dataclasses

from client._clock import ClockOffset, Exchange
from client.attribution.clock_bounds import clock_bounds
from tests.client.conftest import MS, receipt, record

AHEAD = 3000 * MS  # of the server's clock


def asked(sent_ms: float, up_ms: float, down_ms: float) -> Exchange:
    server_ns = round((sent_ms + up_ms) * MS) + AHEAD
    return Exchange(
        sent_ns=round(sent_ms * MS),
        server_received_ns=server_ns,
        server_sent_ns=server_ns,
        received_ns=round((sent_ms + up_ms + down_ms) * MS),
    )


def test_the_true_offset_lies_between_the_bounds_however_lopsided_the_way() -> None:
    bounds = clock_bounds(record(), None, [asked(0, 80, 1), asked(200, 90, 4)])
    assert bounds is not None
    assert bounds.most_ns is not None
    assert bounds.least_ns <= AHEAD <= bounds.most_ns
    assert bounds.round_trip_ns == 81 * MS


def test_the_fastest_of_each_direction_counts_though_it_was_not_the_same_message() -> None:
    bounds = clock_bounds(record(), None, [asked(0, 1, 50), asked(200, 60, 2)])
    assert bounds is not None
    assert bounds.round_trip_ns == 3 * MS


def test_delays_of_each_direction_are_known_beyond_the_fastest() -> None:
    bounds = clock_bounds(record(), None, [asked(0, 5, 5)])
    assert bounds is not None
    assert bounds.delay_down_ns(100 * MS + AHEAD, 145 * MS) == 40 * MS
    assert bounds.delay_up_ns(100 * MS, 125 * MS + AHEAD) == 20 * MS
    assert bounds.delay_down_ns(100 * MS + AHEAD, 101 * MS) == 0


def test_chunks_narrow_what_was_measured_before() -> None:
    chunk = receipt(0, 0, 100, at_ms=10)
    stamps = dataclasses.replace(chunk.timings, write_start_ns=9 * MS + AHEAD)
    bounds = clock_bounds(
        record(dataclasses.replace(chunk, timings=stamps)), ClockOffset(offset_ns=AHEAD, error_ns=5 * MS)
    )
    assert bounds is not None
    assert (bounds.least_ns, bounds.most_ns) == (AHEAD - MS, AHEAD + 5 * MS)


def test_text_is_complete_with_its_last_character_however_long_it_was_written() -> None:
    """The first of ten pieces was sent 270 ms before the one that ends the first segment."""
    chunk = dataclasses.replace(
        receipt(0, 0, 100, at_ms=400, text_received=272 + 3000, write_start=398 + 3000), text_begin=0, text_end=95
    )
    bounds = clock_bounds(record(chunk, text_ms=[30.0 * piece for piece in range(10)]), None)
    assert bounds is not None
    assert (bounds.least_ns, bounds.most_ns) == (AHEAD - 2 * MS, AHEAD + 2 * MS)
    assert bounds.round_trip_ns == 4 * MS


def test_nothing_is_known_of_a_server_that_told_nothing() -> None:
    assert clock_bounds(record(receipt(0, 0, 100, 10)), None) is None
