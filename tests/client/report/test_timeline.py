"""The lanes of an utterance, and the picture drawn of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from client._clock import Span
from client.attribution.verdict import Analysis, analyse
from client.report.lanes import Kind, Lane, lanes, origin_ns, panels, rows
from client.report.scale import round_step, ticks
from client.report.svg import DARK, LIGHT, Theme
from client.report.timeline import svg
from tests.client.conftest import MS, record
from tests.client.utterances import Model, utter


def told(model: Model) -> Analysis:
    seen = utter(model)
    return analyse(seen.record, observations=seen.observations, first_audible=0)


def broken() -> Analysis:
    return told(Model(server_blocked=(Span(200, 1000),)))


def by_name(analysis: Analysis) -> dict[str, Lane]:
    return {lane.name: lane for lane in lanes(analysis)}


def ms(analysis: Analysis, span: Span) -> tuple[int, int]:
    begin_ns = origin_ns(analysis)
    return round((span.start_ns - begin_ns) / MS), round((span.end_ns - begin_ns) / MS)


def test_server_instants_are_drawn_on_the_clients_clock() -> None:
    here, there = told(Model()), told(Model(offset_ms=-70_000))
    for lane, same in zip(lanes(here), lanes(there), strict=True):
        assert [ms(here, bar.span) for bar in lane.bars] == [ms(there, bar.span) for bar in same.bars]


def test_stages_follow_each_other_within_a_chunk() -> None:
    drawn = by_name(told(Model()))
    order = [drawn[name].bars[0].span for name in ("T3", "flow", "vocoder", "send", "receive", "play")]
    assert all(before.end_ns <= after.start_ns for before, after in pairwise(order))


def test_a_gap_is_drawn_where_playback_waits() -> None:
    gaps = [bar for bar in by_name(broken())["play"].bars if bar.kind is Kind.GAP]
    assert len(gaps) == 1
    assert gaps[0].label.endswith("ms")
    assert not [bar for bar in by_name(told(Model()))["play"].bars if bar.kind is Kind.GAP]


def test_what_stood_still_has_a_lane_of_its_own() -> None:
    assert "server loop blocked" in by_name(broken())
    assert "server loop blocked" not in by_name(told(Model()))


def test_the_way_to_a_gateway_and_a_move_have_lanes_where_there_are_any() -> None:
    drawn = by_name(told(Model(way_ms=30, move=(2, 280, 1500))))
    assert not {"gateway", "move to another engine"} & by_name(told(Model())).keys()
    assert [round(bar.span.length_ns / MS) for bar in drawn["gateway"].bars] == 10 * [30]
    assert drawn["send"].bars[0].span.start_ns == drawn["gateway"].bars[0].span.end_ns
    (move,) = drawn["move to another engine"].bars
    assert (move.kind, move.label) == (Kind.STILL, "1.22 s")


def test_the_wait_for_the_vocoder_is_drawn_as_a_wait() -> None:
    seen = utter(Model())
    first = seen.record.receipts[0]
    later = replace(first.timings, vocoder_start_ns=first.timings.flow_end_ns + 8 * MS)
    seen.record.receipts[0] = replace(first, timings=later)
    wait, work = by_name(analyse(seen.record, observations=seen.observations, first_audible=0))["vocoder"].bars[:2]
    assert (wait.kind, work.kind) == (Kind.PAUSE, Kind.WORK)
    assert wait.span.length_ns == 8 * MS
    assert wait.span.end_ns == work.span.start_ns


def test_while_the_vocoder_works_on_another_chunk_that_is_what_is_drawn() -> None:
    seen = utter(Model())
    for index, receipt in enumerate(seen.record.receipts):
        stamps = replace(receipt.timings, flow_end_ns=receipt.timings.flow_end_ns - 60 * MS * (index > 0))
        started = replace(stamps, vocoder_start_ns=receipt.timings.flow_end_ns)
        seen.record.receipts[index] = replace(receipt, timings=started)
    drawn = by_name(analyse(seen.record, observations=seen.observations, first_audible=0))["vocoder"]
    assert {bar.rows for bar in drawn.bars} == {1}


def test_chunks_that_wait_side_by_side_have_rows_of_their_own() -> None:
    assert rows([Span(0, 10), Span(2, 4), Span(4, 6), Span(5, 20), Span(10, 12)]) == [0, 1, 1, 2, 0]
    waiting = [bar.rows for bar in by_name(broken())["send"].bars]
    assert max(waiting) > 1
    assert min(waiting) == 1


def test_text_that_came_in_pieces_has_a_lane() -> None:
    seen = utter(Model())
    seen.record.sent.insert(0, replace(seen.record.sent[0], characters=4))
    assert "text" in by_name(analyse(seen.record, observations=seen.observations, first_audible=0))
    assert "text" not in by_name(told(Model()))


def test_a_short_beginning_of_a_long_utterance_is_enlarged() -> None:
    whole, *enlarged = panels(told(Model()))
    assert enlarged
    assert all(panel.span.length_ns * 2 < whole.span.length_ns for panel in enlarged)
    assert all(panel.span.common(whole.span) == panel.span for panel in enlarged)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_picture_is_well_formed_and_says_what_it_shows(theme: Theme) -> None:
    drawn = svg(broken(), theme)
    root = ElementTree.fromstring(drawn)
    words = " ".join("".join(node.itertext()) for node in root.iter())
    for lane in ("T3", "flow", "vocoder", "send", "receive", "play", "enlarged", "chunk", "The sound broke off once"):
        assert lane in words
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def test_an_utterance_without_audio_gives_a_picture_that_says_so() -> None:
    assert "No sound came." in svg(analyse(record()))


def test_the_axis_steps_in_round_numbers() -> None:
    assert [round_step(least) for least in (0.3, 1.5, 7, 30, 330)] == [1, 2, 10, 50, 500]


def test_the_axis_says_its_unit() -> None:
    assert [words for _, words in ticks(0, 800)] == ["0 ms", "100 ms", "200 ms", "300 ms", "400 ms", "500 ms", "600 ms",
                                                  "700 ms"]  # fmt: skip
    assert [words for _, words in ticks(0, 7_900)][:3] == ["0 s", "1 s", "2 s"]


def test_an_axis_that_begins_later_stands_at_round_instants() -> None:
    shares, words = zip(*ticks(9_150, 9_950), strict=True)
    assert words[:2] == ("9.2 s", "9.3 s")
    assert shares[:2] == pytest.approx((0.0625, 0.1875))
