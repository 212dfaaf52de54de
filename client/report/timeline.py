"""An analysis -> a picture: one lane for each stage, time to the right, chunks numbered. SVG text.

The same lanes and stretches of time as on the report page.
"""

from __future__ import annotations

import textwrap

from ..attribution.hops import Hop
from ..attribution.verdict import Analysis
from . import metrics
from .headline import headline, late_chunks
from .lanes import Bar, Kind, Lane, Panel, lanes, panels
from .svg import LIGHT, Drawing, Theme

_WIDTH, _LEFT, _RIGHT, _MARGIN = 1120.0, 230.0, 24.0, 24.0
_HEAD, _TITLE, _LANE, _TRACK, _BAR, _AXIS = 72.0, 34.0, 32.0, 26.0, 20.0, 34.0
_EDGE = (_LANE - _TRACK) / 2
_HEADLINE = 92  # characters of a line of it
_NEAR_EDGE = 0.02  # share of the width
_LETTER = 6.6  # width of one
_ODD = 0.22  # black laid over every second chunk
_THIN = 6.0  # a narrower bar is hardly more than a line
_PAUSE = 0.38  # opacity
_WHITE, _BLACK = "#ffffff", "#000000"
_LEGEND = {
    Kind.WORK: "a stage at work on a chunk",
    Kind.PAUSE: "the chunk waits, or the stage rests",
    Kind.GUESS: "begun before it was surely needed",
    Kind.GAP: "the sound breaks",
    Kind.STILL: "something stood still",
}


def svg(analysis: Analysis, theme: Theme = LIGHT) -> str:
    """Self-contained. Raises nothing for an utterance without audio: its picture says so."""
    drawing = Drawing(_WIDTH, theme)
    if not analysis.chunks or not analysis.record.sample_rate:
        drawing.text(_MARGIN, 34, headline(analysis), size=18, bold=True)
        return drawing.render(_HEAD, "an utterance without audio")
    y = 34.0
    for line in textwrap.wrap(headline(analysis), _HEADLINE):
        drawing.text(_MARGIN, y, line, size=18, bold=True)
        y += 24
    drawing.text(_MARGIN, y - 2, _facts(analysis), size=13, fill=theme.soft)
    drawn, y = lanes(analysis), y + 14
    sketch = _Sketch(drawing, drawn)
    for panel in panels(analysis):
        y = sketch.panel(y, panel)
    return drawing.render(sketch.legend(y + 6), f"Timeline of one utterance. {headline(analysis)}")


def _facts(analysis: Analysis) -> str:
    record, late = analysis.record, late_chunks(analysis)
    first = next((budget for budget in analysis.budgets if budget.name == "first_sound"), None)
    rtf = metrics.rtf(record)
    facts = [
        f"{record.audio_s:.1f} s of speech in {len(record.receipts)} chunks",
        f"first sound {first.total_ms:.0f} ms after the text" if first else "",
        f"real-time factor {rtf:.2f}" if rtf is not None else "",
        f"breaks while playing: {len(late)}",
    ]
    return " · ".join(filter(None, facts))


class _Sketch:
    """Puts lanes on a drawing, panel below panel."""

    def __init__(self, drawing: Drawing, drawn: list[Lane]) -> None:
        self._drawing = drawing
        self._theme = drawing.theme
        self._lanes = drawn
        self._light_stripes = drawing.hatch("light", _WHITE, 0.35)
        self._dark_stripes = drawing.hatch("dark", _BLACK, 0.25)

    def panel(self, y: float, panel: Panel) -> float:
        """Returns where the next one may begin."""
        self._panel = panel
        shown = [lane for lane in self._lanes if lane.belongs_to(panel)]
        self._drawing.text(_MARGIN, y + 22, panel.title, size=14, bold=True)
        top, across = y + _TITLE, _WIDTH - _LEFT - _RIGHT
        bottom = top + _LANE * len(shown)
        for index in range(len(shown)):
            self._drawing.box(_LEFT, top + index * _LANE + _EDGE, across, _TRACK, self._theme.track, radius=4)
        for share, words in panel.ticks:
            x = _LEFT + share * across
            self._drawing.line(x, top, x, bottom + 4, self._theme.grid)
            anchor = "middle" if share > _NEAR_EDGE else "start"
            self._drawing.text(x, bottom + 18, words, fill=self._theme.soft, anchor=anchor)
        for index, lane in enumerate(shown):
            self._lane(top + index * _LANE, lane)
        return bottom + _AXIS

    def legend(self, y: float) -> float:
        """Returns where the picture ends."""
        kinds = {bar.kind for lane in self._lanes for bar in lane.bars}
        x = _MARGIN
        for kind, words in _LEGEND.items():
            if kind in kinds:
                self._fill(x, y, 22, 13, kind, (Hop.FLOW if kind is Kind.GUESS else Hop.T3).colour)
                self._drawing.text(x + 29, y + 11, words)
                x += 46 + _LETTER * len(words)
        self._drawing.line(x + 4, y - 1, x + 4, y + 14, self._theme.ink, width=2)
        self._drawing.text(x + 13, y + 11, "deadline of a chunk")
        return y + 13 + _MARGIN

    def _x(self, instant_ns: int) -> float:
        return _LEFT + self._panel.share(instant_ns) * (_WIDTH - _LEFT - _RIGHT)

    def _lane(self, y: float, lane: Lane) -> None:
        self._drawing.text(_MARGIN, y + 14, lane.name, size=13, bold=True)
        self._drawing.text(_MARGIN, y + 28, lane.caption, size=11, fill=self._theme.soft)
        for bar in lane.bars:
            if self._panel.shows(bar.span):
                self._bar(y + (_LANE - _BAR) / 2, lane, bar)
        for due in lane.due:
            if self._panel.shows(due.span):
                x, stroke = self._x(due.at_ns), self._theme.alarm if due.late else self._theme.ink
                self._drawing.line(x, y + _EDGE, x, y + _LANE - _EDGE, stroke, width=3 if due.late else 2)

    def _bar(self, y: float, lane: Lane, bar: Bar) -> None:
        height, x = _BAR / bar.rows, self._x(bar.span.start_ns)
        width = max(self._x(bar.span.end_ns) - x - 1, 2)
        odd = bar.is_odd and width > _THIN
        self._fill(x, y + bar.row * height, width, height, bar.kind, lane.hop.colour, odd=odd, tip=bar.tip)
        if bar.rows == 1 and width > _LETTER * len(bar.label) + 3:
            bold = bar.kind in (Kind.GAP, Kind.STILL)
            self._drawing.text(x + width / 2, y + 14, bar.label, size=11, fill=_WHITE, anchor="middle", bold=bold)

    def _fill(
        self, x: float, y: float, width: float, height: float, kind: Kind, hue: str, *, odd: bool = False, tip: str = ""
    ) -> None:
        colour = self._theme.alarm if kind in (Kind.GAP, Kind.STILL) else hue
        self._drawing.box(x, y, width, height, colour, opacity=_PAUSE if kind is Kind.PAUSE else 1.0, tip=tip)
        if odd:
            self._drawing.box(x, y, width, height, _BLACK, opacity=_ODD, tip=tip)
        if kind is Kind.STILL:
            self._drawing.box(x, y, width, height, self._dark_stripes, tip=tip)
        if kind is Kind.GUESS:
            self._drawing.box(x, y, width, height, self._light_stripes, tip=tip)
