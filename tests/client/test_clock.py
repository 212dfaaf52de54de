"""How the server's clock relates to ours."""

from __future__ import annotations

import time

import pytest

import client._clock
import engine.clock
from client._clock import ClockOffset, Exchange, now_ns


def test_a_symmetric_way_gives_the_offset_and_half_the_round_trip_as_its_error() -> None:
    clock = ClockOffset.of(Exchange(sent_ns=100, server_received_ns=1110, server_sent_ns=1115, received_ns=125))
    assert (clock.offset_ns, clock.error_ns) == (1000, 10)
    assert clock.to_client(1110) == 110


def test_the_true_offset_lies_within_the_error_however_lopsided_the_way() -> None:
    true_offset = 5000
    for outward in (0, 3, 20):
        received = 100 + outward + 7 + (20 - outward)
        arrived = 100 + outward + true_offset
        exchange = Exchange(sent_ns=100, server_received_ns=arrived, server_sent_ns=arrived + 7, received_ns=received)
        clock = ClockOffset.of(exchange)
        assert abs(clock.offset_ns - true_offset) <= clock.error_ns


def test_the_clock_never_steps_back() -> None:
    stamps = [now_ns() for _ in range(100)]
    assert stamps == sorted(stamps)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no such clock")
def test_the_time_that_a_machine_was_suspended_is_not_lost() -> None:
    """Spans were hours behind for ever: the clock that Python calls monotonic stands still meanwhile."""
    assert engine.clock._AWAKE_OR_NOT == client._clock._CLOCKS[0] == time.CLOCK_BOOTTIME
    assert abs(now_ns() - engine.clock.now_ns()) < 1_000_000_000
