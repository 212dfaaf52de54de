"""When a chunk's turn comes, for every kind of listener."""

from __future__ import annotations

import pytest

from service.observability.deadlines import ChunkDeadlines

RATE = 1000  # samples a second
S = 1_000_000_000


def test_a_listener_who_begins_at_once_needs_the_next_chunk_when_the_first_is_over() -> None:
    deadlines = ChunkDeadlines(RATE)
    assert deadlines.on_sent(500, None, 10 * S) is None
    assert deadlines.on_sent(500, None, 10 * S + S // 10) == pytest.approx(0.4)
    assert deadlines.on_sent(500, None, 10 * S + S // 10) == pytest.approx(0.9)


def test_who_starves_stands_still_so_that_one_late_chunk_is_one() -> None:
    deadlines = ChunkDeadlines(RATE)
    deadlines.on_sent(500, None, 0)
    assert deadlines.on_sent(500, None, S) == pytest.approx(-0.5)
    assert deadlines.on_sent(500, None, S + S // 4) == pytest.approx(0.25)


def test_a_prebuffer_moves_every_turn_until_it_is_over() -> None:
    deadlines = ChunkDeadlines(RATE)
    deadlines.on_sent(100, 1.0, 0)
    assert deadlines.on_sent(100, 0.5, S // 4) == pytest.approx(0.35)  # begins at 0.5 s, lasts till 0.6 s
    assert deadlines.on_sent(100, 9.0, S * 6 // 10) == pytest.approx(0.1)  # plays since 0.5 s: too late to wait


def test_a_revised_start_is_never_in_the_past() -> None:
    deadlines = ChunkDeadlines(RATE)
    deadlines.on_sent(100, 1.0, 0)
    assert deadlines.on_sent(100, 0.0, S // 2) == pytest.approx(0.1)


def test_reports_say_where_the_listener_is() -> None:
    deadlines = ChunkDeadlines(RATE)
    deadlines.on_sent(500, 0.2, 0)
    deadlines.report(0, S)  # has not begun
    assert deadlines.on_sent(500, None, 0) == pytest.approx(0.7)
    deadlines.report(200, 2 * S)
    assert deadlines.on_sent(500, 5.0, 2 * S) == pytest.approx(0.8)
    deadlines.report(5000, 3 * S)  # more than was sent
    assert deadlines.on_sent(500, None, 3 * S) == pytest.approx(0.0)
