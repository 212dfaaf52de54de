"""The picture of an utterance."""

from __future__ import annotations

from xml.etree import ElementTree

from client import timeline
from client.clock import ClockOffset
from client.report import Heard
from tests.client.conftest import MS, receipt, record

HEARD = Heard(first_audible=0, device=False)
BEHIND = ClockOffset(offset_ns=-500 * MS, error_ns=0)  # the server's clock, half a second behind


def two_chunks(second_ms: float) -> list[timeline.Lane]:
    first = receipt(0, 0, 100, 30, t3_start=-499, t3_last_token=-490, flow_start=-488, flow_end=-480, write_start=-471)
    second = receipt(1, 100, 100, second_ms, t3_start=-499, t3_last_token=-450, write_start=second_ms - 501)
    return timeline.lanes(record(first, second), BEHIND, HEARD)


def test_server_instants_are_drawn_on_the_clients_clock() -> None:
    lanes = {lane.name: lane for lane in two_chunks(80)}
    assert [(bar.start_ms, bar.end_ms) for bar in lanes["T3"].bars] == [(1, 10), (10, 50)]
    assert (lanes["flow"].bars[0].start_ms, lanes["flow"].bars[0].end_ms) == (12, 20)
    assert (lanes["receive"].bars[0].start_ms, lanes["receive"].bars[0].end_ms) == (29, 30)


def test_a_gap_is_drawn_where_playback_waits() -> None:
    play = two_chunks(180)[-1]
    gaps = [bar for bar in play.bars if bar.gap]
    assert [(bar.start_ms, bar.end_ms) for bar in gaps] == [(130, 180)]
    assert not any(bar.gap for bar in two_chunks(80)[-1].bars)


def test_the_picture_is_well_formed_and_says_what_it_shows() -> None:
    drawn = timeline.svg(
        record(receipt(0, 0, 2000, 30, t3_start=-499, t3_last_token=-490, write_start=-471)), BEHIND, HEARD
    )
    root = ElementTree.fromstring(drawn)
    words = " ".join("".join(node.itertext()) for node in root.iter())
    for lane in ("T3", "flow", "vocoder", "send", "receive", "play", "ms after the text", "enlarged", "chunk"):
        assert lane in words
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def test_an_utterance_without_audio_gives_a_picture_that_says_so() -> None:
    assert "no audio came" in timeline.svg(record(), None, HEARD)


def test_the_axis_steps_in_round_numbers() -> None:
    assert [timeline._round_step(least) for least in (0.3, 1.5, 7, 30, 330)] == [1, 2, 10, 50, 500]
