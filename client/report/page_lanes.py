"""The lanes of the report page as HTML: boxes in per cent of the width, so that they fit any screen."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ..attribution.hops import Hop
from ..attribution.verdict import Analysis
from .lanes import Bar, Kind, Lane, Panel, lanes, panels

_CLASSES = {
    Kind.WORK: "bar",
    Kind.GUESS: "bar guess",
    Kind.PAUSE: "bar pause",
    Kind.GAP: "bar gap",
    Kind.STILL: "bar still",
}
_NUMBER, _WORDS = 0.012, 0.0115  # share of the width that a character takes: of a chunk's number, of other words
_NEAR_EDGE = 0.03
_ON_A_PHONE = 5  # marks for which there is room
_THIN = 0.006  # share of the width: hardly more than a line
_PHONE = 2.9  # times that on a phone


def timeline(analysis: Analysis) -> Iterator[str]:
    drawn = lanes(analysis)
    heard = "what the audio device played" if analysis.observations.device else "what a listener would hear"
    yield "<h2>What happened when</h2>"
    yield (
        '<p class="soft">Time runs to the right, from the moment when the text was sent. Sound is made in chunks, '
        "which are numbered; several stages work at the same time, each on another chunk. The sound breaks where a "
        f"chunk is received after its deadline. The lane “play” is {heard}.</p>"
    )
    yield _key(drawn)
    for panel in panels(analysis):
        yield f"<h3>{escape(panel.title)}</h3>"
        yield _panel([lane for lane in drawn if lane.belongs_to(panel)], panel)


def _key(drawn: list[Lane]) -> str:
    kinds = {bar.kind for lane in drawn for bar in lane.bars}
    known = (
        (Kind.WORK, "a stage at work on a chunk", Hop.T3),
        (Kind.PAUSE, "the chunk waits there, or the stage rests", Hop.T3),
        (Kind.GUESS, "begun before it was surely needed", Hop.FLOW),
        (Kind.GAP, "the sound breaks", None),
        (Kind.STILL, "something stood still", None),
    )
    entries = [
        f'<li><i><span class="{_CLASSES[kind]}"{_hue(hop)}></span></i>{words}</li>'
        for kind, words, hop in known
        if kind in kinds
    ]
    entries.insert(1, '<li><i><span class="due"></span></i>deadline: the chunk should sound</li>')
    return f'<ul class="key" aria-hidden="true">{"".join(entries)}</ul>'


def _hue(hop: Hop | None) -> str:
    return f' style="--hue:{hop.colour}"' if hop else ""


def _panel(drawn: list[Lane], panel: Panel) -> str:
    marks = panel.ticks
    spans = "".join(
        f'<span{" class=edge" if share < _NEAR_EDGE else ""} style="left:{100 * share:.3f}%">{words}</span>'
        for share, words in marks
    )
    step = 100 * (marks[1][0] - marks[0][0]) if marks[1:] else 100.0
    dense = " dense" if len(marks) > _ON_A_PHONE else ""
    first = 100 * marks[0][0] if marks else 0.0
    axis = f'<div class="lane" aria-hidden="true"><div></div><div class="axis{dense}">{spans}</div></div>'
    rows = "".join(_lane(lane, panel) for lane in drawn)
    return f'<div class="lanes" style="--step:{step:.3f}%;--first:{first:.3f}%">{rows}{axis}</div>'


def _lane(lane: Lane, panel: Panel) -> str:
    bars = (_bar(bar, panel) for bar in lane.bars if panel.shows(bar.span))
    due = (
        f'<span class="due{" late" if due.late else ""}" style="left:{100 * panel.share(due.at_ns):.3f}%" '
        f'title="{escape(due.tip)}"></span>'
        for due in lane.due
        if panel.shows(due.span)
    )
    return (
        f'<div class="lane"{_hue(lane.hop)}><div class="name">{escape(lane.name)} <small>{escape(lane.caption)}</small>'
        f'</div><div class="track" role="img" aria-label="{escape(lane.said)}">{"".join([*bars, *due])}</div></div>'
    )


def _bar(bar: Bar, panel: Panel) -> str:
    left = panel.share(bar.span.start_ns)
    width = panel.share(bar.span.end_ns) - left
    needed = len(bar.label) * (_NUMBER if bar.label.isdigit() else _WORDS)
    fits = bar.rows == 1 and width > needed
    kind = _CLASSES[bar.kind] + (" roomy" if fits and width > _PHONE * needed else "")
    kind += " thin" if width < _THIN else " odd" if bar.is_odd else ""
    row = f";--row:{bar.row};--rows:{bar.rows}" if bar.rows > 1 else ""
    place = f"left:{100 * left:.3f}%;width:{100 * width:.3f}%{row}"
    return f'<span class="{kind}" style="{place}" title="{escape(bar.tip)}">{bar.label if fits else ""}</span>'
