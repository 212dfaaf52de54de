"""The report page as a browser lays it out: nothing sticks out, nothing overlaps, everything can be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.support.browser import Browser, chromium, executable
from client._clock import Span
from client.attribution.hops import Hop
from client.attribution.verdict import Analysis, analyse
from client.report.page import page
from tests.client.utterances import Model, utter
from tests.contrast import contrast

_MAY_BE_MISSING = "CI" not in os.environ
pytestmark = [
    pytest.mark.hardware,
    pytest.mark.skipif(executable() is None and _MAY_BE_MISSING, reason="no Chromium here"),
]

MODELS = {
    "good": Model(),
    "throttled": Model(token_ms=52, hint_ms=3000),
    "broken": Model(server_blocked=(Span(200, 1000),), reader_blocked=(Span(1500, 2600),)),
}
COLLISIONS = """[...document.querySelectorAll('.axis')].flatMap(axis => {
  const boxes = [...axis.children].map(one => one.getBoundingClientRect()).filter(box => box.width);
  return boxes.slice(1).filter((box, index) => box.left < boxes[index].right + 2);
}).length"""
CUT_OFF = """[...document.querySelectorAll('.bar, .stack b')]
  .filter(one => one.textContent && parseFloat(getComputedStyle(one).fontSize) && one.scrollWidth > one.clientWidth + 1)
  .map(one => one.textContent)"""
WIDER_THAN_THE_PAGE = """document.querySelectorAll('details').forEach(one => one.open = true),
  document.documentElement.scrollWidth - innerWidth"""
COLOURS = """Object.fromEntries(['page', 'panel', 'ink', 'soft', 'track', 'good-back', 'fair-back', 'bad-back', 'bad']
  .map(name => [name, getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()]))"""
FETCHED = "performance.getEntriesByType('resource').length"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(params=MODELS)
def html(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    written = tmp_path / "page.html"
    written.write_text(page(_speculative(MODELS[request.param])), encoding="utf-8")
    return written


def _speculative(model: Model) -> Analysis:
    seen = utter(model)
    last = seen.record.receipts[-1]
    seen.record.receipts[-1] = replace(last, timings=replace(last.timings, speculative=True))
    return analyse(seen.record, observations=seen.observations, first_audible=0)


@pytest.mark.parametrize("width", [320, 375, 768, 900, 1280, 2000])
def test_nothing_sticks_out_or_overlaps(browser: Browser, html: Path, width: int) -> None:
    browser.open(html, width=width)
    assert browser.evaluate(COLLISIONS) == 0
    assert browser.evaluate(CUT_OFF) == []
    assert browser.evaluate(WIDER_THAN_THE_PAGE) <= 0
    assert browser.evaluate(FETCHED) == 0


@pytest.mark.parametrize("dark", [False, True])
def test_words_and_bars_can_be_told_from_what_is_behind_them(browser: Browser, html: Path, dark: bool) -> None:
    """Contrast as WCAG 2 computes it: 4.5 for words, 3 for shapes, in the dark a little less for those."""
    browser.open(html, width=1280, dark=dark)
    colour = browser.evaluate(COLOURS)
    for ink, back in (("ink", "page"), ("soft", "page"), ("soft", "panel"), ("ink", "panel"), ("bad", "panel")):
        assert contrast(colour[ink], colour[back]) >= 4.5, (ink, back)
    for back in ("good-back", "fair-back", "bad-back"):
        assert contrast(colour["ink"], colour[back]) >= 7
    for hop in Hop:
        assert contrast(hop.colour, "#ffffff") >= 4.5, hop
        assert contrast(hop.colour, colour["track"]) >= 2.8, hop
