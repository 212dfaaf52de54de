"""Samples between two threads."""

from __future__ import annotations

import numpy as np

from client.audio import Samples
from client.playback.buffer import Ring


def ramp(start: int, stop: int) -> Samples:
    return np.arange(start, stop, dtype=np.float32)


def test_whatever_the_pieces_the_samples_come_out_in_order() -> None:
    ring, out = Ring(capacity=7, kept=2), np.zeros(0, np.float32)
    position = 0
    for size in (3, 7, 1, 5, 2, 6) * 4:
        ring.put(ramp(position, position + min(size, ring.room)))
        position = ring.written
        taken = np.zeros(min(size, len(ring)), np.float32)
        ring.take(taken)
        out = np.concatenate([out, taken])
    np.testing.assert_array_equal(out, ramp(0, len(out)))


def test_what_was_read_last_stays_though_the_writer_fills_all_the_room() -> None:
    ring = Ring(capacity=7, kept=2)
    for first in range(0, 50, 5):
        ring.put(ramp(first, first + 5))
        ring.take(np.zeros(5, np.float32))
        ring.put(ramp(first + 5, first + 5 + ring.room))
        before = np.zeros(2, np.float32)
        ring.before(before)
        np.testing.assert_array_equal(before, ramp(first + 3, first + 5))
        ring.written = ring.read


def test_the_rest_begins_before_what_waits() -> None:
    ring = Ring(capacity=7, kept=2)
    ring.put(ramp(0, 6))
    ring.take(np.zeros(4, np.float32))
    np.testing.assert_array_equal(ring.rest(2), ramp(2, 6))
