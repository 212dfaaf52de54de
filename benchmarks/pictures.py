"""Pictures of benchmarks as SVG text, drawn with the client's shapes: bars in parts, and curves over a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from client.svg import ALARM, FAINT, INK, Drawing

COLOURS = ("#3b82c4", "#d98e2b", "#4f9d69", "#8e6bbf", "#7b828b")
_WIDTH, _LEFT, _RIGHT = 1120.0, 24.0, 24.0
_HEAD, _ROW, _BAR = 84.0, 62.0, 18.0
_PLOT_LEFT, _PLOT_TOP, _PLOT_HEIGHT, _FOOT = 90.0, 96.0, 300.0, 56.0
_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Bar:
    label: str
    parts: tuple[tuple[str, float], ...]  # name and length, one after the other
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Curve:
    label: str
    points: tuple[tuple[float, float], ...]


def bars(title: str, subtitle: str, rows: Sequence[Bar]) -> str:
    drawing = _titled(title, subtitle)
    names = [name for name, _ in rows[0].parts]
    _legend(drawing, names)
    longest = max(sum(length for _, length in row.parts) for row in rows) or 1.0
    scale = 0.82 * (_WIDTH - _LEFT - _RIGHT) / longest
    for index, row in enumerate(rows):
        y, x = _HEAD + 20 + index * _ROW, _LEFT
        drawing.text(_LEFT, y, row.label, bold=True)
        drawing.text(_WIDTH - _RIGHT, y, row.note, fill=FAINT, anchor="end")
        for colour, (name, length) in zip(COLOURS, row.parts, strict=False):
            drawing.box(x, y + 8, scale * length, _BAR, colour, tip=f"{name}: {length:.3f}")
            x += scale * length
        drawing.text(x + 8, y + 8 + _BAR - 5, f"{sum(length for _, length in row.parts):.2f}")
    return drawing.render(_HEAD + 30 + len(rows) * _ROW, title)


def curves(title: str, subtitle: str, across: str, up: str, lines: Sequence[Curve], limit: float | None = None) -> str:
    """`limit`: a line that matters, across the plot."""
    drawing = _titled(title, subtitle)
    _legend(drawing, [line.label for line in lines])
    xs = [x for line in lines for x, _ in line.points]
    top = 1.08 * max([y for line in lines for _, y in line.points] + ([limit] if limit else [])) or 1.0
    least, most = min(xs), max(max(xs), min(xs) + 1e-9)

    def place(x: float, y: float) -> tuple[float, float]:
        across_px = (x - least) / (most - least) * (_WIDTH - _PLOT_LEFT - _RIGHT)
        return _PLOT_LEFT + across_px, _PLOT_TOP + _PLOT_HEIGHT * (1 - y / top)

    for tick in range(_TICKS + 1):
        x, y = place(least + (most - least) * tick / _TICKS, top * tick / _TICKS)
        drawing.line(_PLOT_LEFT, y, _WIDTH - _RIGHT, y, dash="1 4")
        drawing.text(_PLOT_LEFT - 8, y + 4, f"{top * tick / _TICKS:.3g}", anchor="end")
        drawing.text(x, _PLOT_TOP + _PLOT_HEIGHT + 20, f"{least + (most - least) * tick / _TICKS:.3g}", anchor="middle")
    if limit is not None:
        _, y = place(least, limit)
        drawing.line(_PLOT_LEFT, y, _WIDTH - _RIGHT, y, stroke=ALARM)
    for colour, line in zip(COLOURS * (1 + len(lines) // len(COLOURS)), lines, strict=False):
        placed = [place(x, y) for x, y in line.points]
        for (x1, y1), (x2, y2) in pairwise(placed):
            drawing.line(x1, y1, x2, y2, stroke=colour)
        for x, y in placed:
            drawing.box(x - 2, y - 2, 4, 4, colour)
    drawing.text(_WIDTH - _RIGHT, _PLOT_TOP + _PLOT_HEIGHT + 42, across, anchor="end")
    drawing.text(_LEFT, _PLOT_TOP - 10, up)
    return drawing.render(_PLOT_TOP + _PLOT_HEIGHT + _FOOT, title)


def _titled(title: str, subtitle: str) -> Drawing:
    drawing = Drawing(_WIDTH)
    drawing.text(_LEFT, 26, title, size=16, bold=True)
    drawing.text(_LEFT, 46, subtitle)
    return drawing


def _legend(drawing: Drawing, names: Sequence[str]) -> None:
    x = _LEFT
    for colour, name in zip(COLOURS, names, strict=False):
        drawing.box(x, 58, 12, 12, colour)
        drawing.text(x + 18, 68, name, fill=INK)
        x += 40 + 7 * len(name)
