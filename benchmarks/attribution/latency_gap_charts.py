"""Pictures of where a chunk was between the server's write and the client's receipt, as SVG text.

A timeline has two lines, "the server sends" above and "the client has it" below, and a stroke for each chunk from one
to the other: upright where nothing is in the way, aslant where the chunk waits. What was seen to stand still lies
behind as a box.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping

from benchmarks.support import charts
from client._clock import Span
from client.attribution.critical_path import AUDIBLE_GAP_NS
from client.attribution.hops import Hop
from client.attribution.verdict import Analysis
from client.report.svg import Drawing

LATE_NS = 20_000_000  # a stroke so far aslant is drawn in alarm
SHORT_NS = 5_000_000  # a shorter standstill is not drawn
_WIDTH, _LEFT, _RIGHT = 1120.0, 190.0, 30.0
_KEY = 72.0  # y of the key of the boxes
_MADE, _SENT, _RECEIVED, _PLAYED, _ASKED = 98.0, 146.0, 226.0, 274.0, 322.0  # y of the lanes
_LINE = 165  # characters
_BAR, _FOOT = 18.0, 44.0
_TICKS = 8
_LABEL = 40.0  # so far apart are labels
At = Callable[[int], float]
_BOXES = (
    (Hop.SERVER_LOOP, "server's loop stands still", "#a34a1f", _MADE, _SENT + _BAR),
    (Hop.CLIENT_READER, "nobody reads", "#c0562f", _RECEIVED - 30, _RECEIVED + _BAR),
    (Hop.DEVICE_OPEN, "the device opens", "#4d6f2b", _RECEIVED - 30, _PLAYED + _BAR),
    (Hop.CLIENT_LOOP, "the program stands still", "#9c3d54", _RECEIVED - 30, _PLAYED + _BAR),
)
_HUES = ("#3b82c4", "#8a63c2", "#1f6f6a")  # made, and odd chunks, played


def gaps(title: str, means: Mapping[str, Mapping[str, float]], shares: Mapping[str, Mapping[str, float]]) -> str:
    """Case -> mean milliseconds of each suspect, and the percentiles of the gap."""
    rows = [
        charts.Bar(
            label=case,
            parts=tuple(parts.items()),
            note="  ".join(f"{name} {ms:.1f} ms" for name, ms in shares[case].items()),
        )
        for case, parts in means.items()
    ]
    return charts.bars(title, "server sends to client receives: mean milliseconds of a chunk, and who had it", rows)


def timeline(analysis: Analysis, title: str) -> str:
    """One utterance. Under the title, what the verdict said of it."""
    drawing = Drawing(_WIDTH)
    theme = drawing.theme
    drawing.text(16, 26, title, size=16, bold=True)
    for line, words in enumerate(textwrap.wrap(f"The verdict: {analysis.verdict.sentence}", _LINE)[:2]):
        drawing.text(16, 44 + 16 * line, words, fill=theme.soft)
    shown = _shown(analysis)

    def at(instant_ns: int) -> float:
        inside = min(max(instant_ns, shown.start_ns), shown.end_ns)
        return _LEFT + (inside - shown.start_ns) / shown.length_ns * (_WIDTH - _LEFT - _RIGHT)

    _behind(drawing, analysis, at)
    lanes = ((_MADE, "made"), (_SENT, "the server sends"), (_RECEIVED, "the client has it"), (_PLAYED, "sounds"))
    for y, name in (*lanes, (_ASKED, "questions to the clock")):
        drawing.text(16, y + 13, name)
    drawing.line(_LEFT, _SENT + _BAR, _WIDTH - _RIGHT, _SENT + _BAR, theme.soft)
    drawing.line(_LEFT, _RECEIVED, _WIDTH - _RIGHT, _RECEIVED, theme.soft)
    labelled = 0.0
    for index, one in enumerate(analysis.chunks):
        hue, late = _HUES[index % 2], one.received_ns - one.write_start_ns > LATE_NS
        made = Span(one.flow_start_ns, one.vocoder_end_ns)
        drawing.box(at(made.start_ns), _MADE, at(made.end_ns) - at(made.start_ns), _BAR, hue, tip=f"chunk {index}")
        sent, received = at(one.write_start_ns), at(one.received_ns)
        drawing.line(sent, _SENT + _BAR, received, _RECEIVED, theme.alarm if late else theme.soft)
        drawing.box(sent - 1.5, _SENT + _BAR - 6, 3, 6, theme.alarm if late else theme.soft)
        drawing.box(received - 1.5, _RECEIVED, 3, 6, theme.alarm if late else theme.soft)
        if late and received > labelled + _LABEL:  # of several that come at once, the one that waited longest
            ms, labelled = (one.received_ns - one.write_start_ns) / 1e6, received
            drawing.text(received + 5, _RECEIVED + 14, f"{ms:.0f} ms", size=11, fill=theme.alarm)
        if index and one.late_ns > AUDIBLE_GAP_NS:
            begin = at(one.due_ns)
            drawing.box(begin, _PLAYED, at(one.sounded_ns) - begin, _BAR, theme.alarm, tip="silence")
        end_ns = one.sounded_ns + one.num_samples * 1_000_000_000 // analysis.record.sample_rate
        drawing.box(
            at(one.sounded_ns), _PLAYED, at(end_ns) - at(one.sounded_ns), _BAR, _HUES[2], opacity=0.6 + index % 2 * 0.3
        )
    _asked(drawing, analysis, at)
    _axis(drawing, shown, at)
    return drawing.render(_ASKED + _BAR + _FOOT, title)


def _shown(analysis: Analysis) -> Span:
    """From the text to a little after the last receipt or the first sound, whichever is later."""
    begin_ns = next(piece.sent_ns for piece in analysis.record.sent if piece.characters)
    chunks = analysis.chunks
    end_ns = max(chunks[-1].received_ns, chunks[0].sounded_ns)
    return Span(begin_ns, end_ns + (end_ns - begin_ns) // 6)


def _behind(drawing: Drawing, analysis: Analysis, at: At) -> None:
    x = 250.0
    blocks = analysis.blocks
    for hop, name, colour, top, bottom in _BOXES:
        spans = [span for span in blocks.of(hop) if span.length_ns > SHORT_NS and at(span.end_ns) > at(span.start_ns)]
        for span in spans:
            tip = f"{name}: {span.length_ns / 1e6:.0f} ms"
            drawing.box(
                at(span.start_ns), top, at(span.end_ns) - at(span.start_ns), bottom - top, colour, opacity=0.3, tip=tip
            )
        if spans:
            drawing.box(x, _KEY, 11, 11, colour, opacity=0.5)
            drawing.text(x + 16, _KEY + 10, name)
            x += 40 + 7 * len(name)


def _asked(drawing: Drawing, analysis: Analysis, at: At) -> None:
    """Each question to the server's clock as a stroke from its asking to its answer; a slow one is in alarm."""
    for exchange in analysis.observations.exchanges:
        begin, end = at(exchange.sent_ns), at(exchange.received_ns)
        slow = exchange.round_trip_ns > LATE_NS
        if end > _LEFT and begin < _WIDTH - _RIGHT:
            colour = drawing.theme.alarm if slow else drawing.theme.soft
            drawing.box(begin, _ASKED + 4, max(1.5, end - begin), 8, colour)


def _axis(drawing: Drawing, shown: Span, at: At) -> None:
    y, grid = _ASKED + _BAR + 8, drawing.theme.grid
    step_ms = _round_step(shown.length_ns / 1e6 / _TICKS)
    for tick in range(int(shown.length_ns / 1e6 / step_ms) + 1):
        x = at(shown.start_ns + round(tick * step_ms * 1e6))
        drawing.line(x, _MADE - 6, x, y, grid, dash="1 5")
        drawing.text(x, y + 14, f"{tick * step_ms:g}", anchor="middle")
    drawing.text(_WIDTH - _RIGHT, y + 30, "milliseconds since the text was sent", anchor="end", fill=drawing.theme.soft)


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= least)
