"""What is printed, drawn and exported of an analysis."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from client import explain
from client.hops import Hop
from client.page import page
from client.perfetto import trace
from client.signs import Span
from client.verdict import Analysis, analyse
from tests.client.conftest import record
from tests.client.utterances import Model, utter

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Outline(HTMLParser):
    """Checks that tags close in order, and keeps texts and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def outline(html: str) -> Outline:
    parsed = Outline()
    parsed.feed(html)
    assert parsed.open == []
    return parsed


def broken() -> Analysis:
    seen = utter(Model(network_down=(Span(150, 900),)))
    return analyse(seen.record, signs=seen.signs, first_audible=0)


def clean() -> Analysis:
    seen = utter(Model())
    return analyse(seen.record, signs=seen.signs, first_audible=0)


def test_the_page_says_at_the_top_what_is_to_blame() -> None:
    html = outline(page(broken()))
    top = " ".join(html.texts)
    assert "The sound broke off once" in top
    assert "network (there and back)" in top
    assert ("class", "verdict bad") in html.attributes


def test_the_page_of_a_clean_utterance_says_so() -> None:
    html = outline(page(clean()))
    assert "Nothing was late, and the sound did not break." in html.texts
    assert ("class", "verdict good") in html.attributes


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = outline(page(broken()))
    assert not [value for name, value in html.attributes if name in ("src", "href")]
    assert "<script" not in page(broken())
    assert "url(" not in page(broken())


def test_every_lane_has_words_for_those_who_cannot_see_it() -> None:
    labels = [value for name, value in outline(page(broken())).attributes if name == "aria-label"]
    for lane in ("T3", "flow", "vocoder", "send", "receive", "play"):
        assert any(label.startswith(lane) for label in labels)


def test_breaks_and_deadlines_are_drawn() -> None:
    kinds = [value for name, value in outline(page(broken())).attributes if name == "class"]
    assert any(kind.startswith("bar gap") for kind in kinds)
    assert "due late" in kinds


def test_speculative_windows_are_hatched() -> None:
    seen = utter(Model())
    for index, receipt in enumerate(seen.record.receipts):
        stamps = type(receipt.timings)(**{**vars(receipt.timings), "speculative": index == 3})
        seen.record.receipts[index] = type(receipt)(**{**vars(receipt), "timings": stamps})
    html = outline(page(analyse(seen.record, signs=seen.signs, first_audible=0)))
    assert any("guess" in value for name, value in html.attributes if name == "class")


def test_an_utterance_without_sound_has_a_page() -> None:
    assert "No sound came." in outline(page(analyse(record()))).texts


def test_the_table_names_the_hop_and_both_budgets() -> None:
    analysis = broken()
    said = explain.table(analysis)
    assert "To blame: network (there and back)" in said
    assert "from text complete to the first audible sample" in said
    assert f"chunk {analysis.budgets[1].chunk} was late by" in said


def test_json_carries_verdict_and_budgets() -> None:
    carried = json.loads(json.dumps(explain.as_json(broken())))
    assert carried["verdict"]["hop"] == "network"
    assert carried["verdict"]["audible"] is True
    assert carried["verdict"]["evidence"]
    first, late = carried["budgets"]
    assert (first["name"], late["name"]) == ("first_sound", "late_chunk")
    for budget in (first, late):
        assert sum(budget["hops_ms"].values()) == pytest.approx(budget["total_ms"], abs=0.2)
        assert budget["explained_share"] >= 0.95
        assert set(budget["hops_ms"]) <= {hop.value for hop in Hop}


def test_the_trace_has_a_lane_for_each_hop_and_arrows_between() -> None:
    events = json.loads(trace(broken()))["traceEvents"]
    lanes = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert {"T3", "flow", "vocoder", "network", "play", "silence"} <= lanes
    slices = [event for event in events if event["ph"] == "X"]
    assert min(event["ts"] for event in slices) == 0
    assert all(event["dur"] >= 0 for event in slices)
    assert {event["ph"] for event in events if event["name"] == "chunk"} == {"s", "t", "f"}


def test_an_arrow_touches_a_slice_of_its_lane() -> None:
    """Else the viewer does not draw it."""
    events = json.loads(trace(clean()))["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    for arrow in (event for event in events if event["ph"] in "stf"):
        lane = [one for one in slices if (one["pid"], one["tid"]) == (arrow["pid"], arrow["tid"])]
        assert any(one["ts"] <= arrow["ts"] <= one["ts"] + one["dur"] for one in lane), arrow
