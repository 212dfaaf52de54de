"""Known causes and what they explain."""

from __future__ import annotations

import random

from client._clock import Span
from client.attribution.durations import on_the_way
from client.attribution.hops import Hop
from client.attribution.known_blocks import Blocks, known_blocks
from client.attribution.observations import NOTHING_OBSERVED, Observations, length_ns
from client.record import DeviceLog
from tests.client.conftest import MS, receipt, record

CAUSES = (Hop.SERVER_LOOP, Hop.CLIENT_READER, Hop.CLIENT_LOOP)


def test_a_label_is_a_partition() -> None:
    draw = random.Random(5)
    for _ in range(200):
        spans = {
            cause: [Span(at, at + draw.randrange(30)) for at in draw.sample(range(100), 3)] for cause in CAUSES
        }  # fmt: skip
        whole = Span(draw.randrange(50), 60 + draw.randrange(60))
        pieces = Blocks(utterance=Span(0, 200), spans=spans).label(Hop.NETWORK, whole, CAUSES)
        assert sum(part.length_ns for _, part in pieces) == whole.length_ns == length_ns(part for _, part in pieces)
        assert min(part.start_ns for _, part in pieces) == whole.start_ns


def test_the_first_cause_explains_what_several_could() -> None:
    blocks = Blocks(utterance=Span(0, 99), spans={Hop.SERVER_LOOP: [Span(2, 6)], Hop.CLIENT_LOOP: [Span(4, 8)]})
    labelled = blocks.label(Hop.CHANNEL, Span(0, 10), (Hop.SERVER_LOOP, Hop.CLIENT_LOOP))
    assert labelled == [
        (Hop.CHANNEL, Span(0, 2)),
        (Hop.SERVER_LOOP, Span(2, 6)),
        (Hop.CLIENT_LOOP, Span(6, 8)),
        (Hop.CHANNEL, Span(8, 10)),
    ]


def test_a_loop_that_is_a_little_late_is_not_blocked() -> None:
    heard = record(receipt(0, 0, 1000, 500))
    observations = Observations(loop_blocks=(Span(100 * MS, 112 * MS), Span(300 * MS, 400 * MS)))
    assert known_blocks(heard, observations, None).of(Hop.CLIENT_LOOP) == [Span(300 * MS, 400 * MS)]


def test_a_full_buffer_is_the_program_s_affair() -> None:
    waited = record(receipt(0, 0, 1000, 500))
    waited.receipts[0] = type(waited.receipts[0])(**{**vars(waited.receipts[0]), "buffered_ns": 700 * MS})
    assert known_blocks(waited, NOTHING_OBSERVED, None).of(Hop.CLIENT_BUFFER) == [Span(500 * MS, 700 * MS)]


def opened_while_reading(opening: Span, blocked: Span) -> Blocks:
    device = DeviceLog(opening=opening, sample_rate=24_000)
    return known_blocks(record(receipt(0, 0, 1000, 500)), Observations(reader_blocks=(blocked,), device=device), None)


def test_a_device_that_was_opened_on_the_reading_loop_is_to_blame_for_what_waited_there() -> None:
    """The original pattern opened the device on the loop that read: the reader was named, which only obeyed."""
    blocks = opened_while_reading(Span(100 * MS, 400 * MS), Span(90 * MS, 450 * MS))
    held = on_the_way(Span(200 * MS, 460 * MS), blocks)
    assert sum(part.length_ns for hop, part in held if hop is Hop.DEVICE_OPEN) == 200 * MS
    assert sum(part.length_ns for hop, part in held if hop is Hop.CLIENT_READER) == 50 * MS
    assert sum(part.length_ns for _, part in held) == 260 * MS


def test_a_device_that_was_opened_beside_the_reader_delays_no_message() -> None:
    blocks = opened_while_reading(Span(100 * MS, 400 * MS), Span(500 * MS, 600 * MS))
    assert on_the_way(Span(200 * MS, 300 * MS), blocks) == [(Hop.NETWORK, Span(200 * MS, 300 * MS))]
