"""Figures of an utterance, on records whose answers can be worked out in the head (1000 Hz: a sample is 1 ms)."""

from __future__ import annotations

import pytest

from client._clock import ClockOffset
from client.attribution.hops import Hop
from client.report import metrics
from tests.client.conftest import MS, receipt, record

SAME_CLOCK = ClockOffset(offset_ns=0, error_ns=0)


def test_ttfa_waits_for_40_ms_of_audio() -> None:
    utterance = record(receipt(0, 0, 30, 100), receipt(1, 30, 30, 160), text_ms=[10])
    assert metrics.ttfa_ms(utterance, None) == 150


def test_ttfa_of_an_utterance_shorter_than_40_ms_is_its_last_receipt() -> None:
    assert metrics.ttfa_ms(record(receipt(0, 0, 5, 100)), None) == 100


def test_ttfa_counts_from_the_text_that_completed_the_first_segment_not_from_later_text() -> None:
    """A pipe pushed at 0, 50 and 90 ms; the server had the first segment whole at 52 ms, by a clock 1 s ahead."""
    utterance = record(receipt(0, 0, 100, 150, text_received=1052), text_ms=[0, 50, 90])
    ahead = ClockOffset(offset_ns=1000 * MS, error_ns=MS)
    assert metrics.ttfa_ms(utterance, ahead) == 100
    assert metrics.ttfa_ms(utterance, None) == 60  # without the clock, nothing better is known


def test_rtf_is_from_the_last_text_to_the_last_receipt_over_the_audio() -> None:
    utterance = record(receipt(0, 0, 400, 100), receipt(1, 400, 600, 350), text_ms=[0, 50], end_ms=200)
    assert metrics.rtf(utterance) == pytest.approx(0.3)


def test_hops_partition_ttfa() -> None:
    """All of the way from the text's sending to the sound's receipt is somebody's, whatever the clocks' offset."""
    stages = {
        "text_received": 1003,
        "text_cut": 1003.5,
        "t3_start": 1004,
        "t3_last_token": 1050,
        "flow_start": 1055,
        "flow_end": 1075,
    }
    stages |= {"vocoder_end": 1085, "taken": 1086, "write_start": 1090, "paced": 3}
    utterance = record(receipt(0, 0, 100, 95, **stages), text_ms=[0], end_ms=1)
    clock = ClockOffset(offset_ns=1000 * MS, error_ns=MS)
    hops = metrics.hops(utterance, clock)
    assert sum(hops.values()) == pytest.approx(metrics.ttfa_ms(utterance, clock))
    assert hops == {
        Hop.TEXT: 1.5,
        Hop.T3: 46.5,
        Hop.TOKENS: 5,
        Hop.FLOW: 20,
        Hop.VOCODER: 10,
        Hop.CHANNEL: 2,
        Hop.PACING: 3,
        Hop.NETWORK: 7,
    }


def test_the_way_to_a_gateway_and_a_move_are_parts_of_ttfa() -> None:
    stages = {"text_received": 5, "text_cut": 5, "move_start": 20, "move_end": 70, "t3_last_token": 50, "taken": 71}
    stages |= {"vocoder_end": 65, "engine_sent": 66, "gateway_received": 70, "write_start": 75}
    hops = metrics.hops(record(receipt(0, 0, 100, 80, **stages), text_ms=[0]), SAME_CLOCK)
    assert sum(hops.values()) == 80
    assert {hop: ms for hop, ms in hops.items() if ms} == {Hop.T3: 15, Hop.MOVE: 50, Hop.CHANNEL: 5, Hop.NETWORK: 10}
    near = {name: ms for name, ms in stages.items() if not name.startswith("move")}
    hops = metrics.hops(record(receipt(0, 0, 100, 80, **near), text_ms=[0]), SAME_CLOCK)
    assert (hops[Hop.ENGINE_WAY], hops[Hop.CHANNEL]) == (4, 6)
    assert sum(hops.values()) == 80


def test_stages_that_did_not_take_place_take_no_time() -> None:
    utterance = record(receipt(0, 0, 100, 20, text_received=5, write_start=15))
    hops = metrics.hops(utterance, SAME_CLOCK)
    assert hops[Hop.T3] == hops[Hop.FLOW] == hops[Hop.VOCODER] == 0
    assert sum(hops.values()) == 20


def test_chunks_in_time_play_without_a_gap() -> None:
    playout = metrics.playout(record(receipt(0, 0, 100, 10), receipt(1, 100, 100, 100)))
    assert [(chunk.late_ns, chunk.sounded_ns) for chunk in playout] == [(0, 10 * MS), (0, 110 * MS)]


def test_a_late_chunk_is_an_underrun_and_moves_what_follows() -> None:
    utterance = record(receipt(0, 0, 100, 10), receipt(1, 100, 100, 130), receipt(2, 200, 100, 200))
    playout = metrics.playout(utterance)
    assert [chunk.late_ns for chunk in playout] == [0, 20 * MS, 0]
    assert [chunk.sounded_ns for chunk in playout] == [10 * MS, 130 * MS, 230 * MS]
    assert metrics.prebuffer_needed_ms(utterance) == 20


def test_an_utterance_without_audio_has_no_figures() -> None:
    utterance = record()
    assert metrics.first_heard(utterance) is None
    assert metrics.ttfa_ms(utterance, None) is None
    assert metrics.rtf(utterance) is None
    assert metrics.hops(utterance, None) == {}
    assert metrics.playout(utterance) == []
