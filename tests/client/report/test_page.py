"""What is printed of an analysis, and its page."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from client._clock import Span
from client.attribution.anomalies import NEVER_BLAMED
from client.attribution.baseline import Normal
from client.attribution.hops import Hop
from client.attribution.verdict import Analysis, analyse
from client.report import explain
from client.report.headline import headline
from client.report.page import page
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
    return analyse(seen.record, observations=seen.observations, first_audible=0)


def clean() -> Analysis:
    seen = utter(Model())
    return analyse(seen.record, observations=seen.observations, first_audible=0)


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


def speculative(chunk: int) -> Analysis:
    return stamped(chunk, speculative=True)


def stamped(chunk: int, **stamps: Any) -> Analysis:
    """A clean utterance, one chunk of which was stamped otherwise."""
    seen = utter(Model())
    receipts = seen.record.receipts
    receipts[chunk] = replace(receipts[chunk], timings=replace(receipts[chunk].timings, **stamps))
    return analyse(seen.record, observations=seen.observations, first_audible=0)


def test_speculative_windows_are_hatched() -> None:
    html = outline(page(speculative(3)))
    assert any("guess" in value for name, value in html.attributes if name == "class")


def test_a_throttled_utterance_says_that_it_began_later_and_why_sound_waited() -> None:
    seen = utter(Model(token_ms=52, hint_ms=3000))
    normal = Normal.from_clean([clean().run])
    words = outline(page(analyse(seen.record, observations=seen.observations, first_audible=0, normal=normal))).texts
    said = " ".join(words)
    assert "The sound did not break, but it began" in said
    assert "later than usual: T3, which turns text into speech tokens, took" in said
    assert "the server had said to begin 3.00 s after the first chunk" in said


@pytest.mark.parametrize("hop", [hop for hop in Hop if hop not in NEVER_BLAMED])
def test_every_hop_that_can_be_blamed_has_words_for_the_headline(hop: Hop) -> None:
    analysis = clean()
    blamed = replace(analysis, verdict=replace(analysis.verdict, hop=hop, ms=321.0, audible=True))
    assert "321 ms" in headline(blamed)


def test_an_utterance_without_sound_has_a_page() -> None:
    assert "No sound came." in outline(page(analyse(record()))).texts


def test_the_table_names_the_hop_and_both_budgets() -> None:
    analysis = broken()
    said = explain.table(analysis)
    assert "The sound broke off once" in said
    assert "the network held messages up" in said
    assert "from text complete to the first audible sample" in said
    assert f"chunk {analysis.budgets[1].chunk} was late by" in said


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    assert max(map(len, explain.table(broken()).splitlines())) <= 80
    assert max(map(len, explain.table(clean()).splitlines())) <= 80


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
