"""Pictures of benchmarks as SVG text, drawn with the client's shapes: bars in parts, and curves over a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from client.report.scale import round_step
from client.report.svg import LIGHT, Drawing, Theme

COLOURS = ("#2f74b8", "#c2740f", "#3f8f5b", "#8059be", "#7b828b")  # show on a light and on a dark page
_WIDTH, _LEFT, _RIGHT = 1120.0, 24.0, 24.0
_HEAD, _ROW, _BAR = 96.0, 56.0, 20.0
_PLOT_LEFT, _PLOT_TOP, _PLOT_HEIGHT, _FOOT = 80.0, 112.0, 300.0, 64.0
_NUMBER = 60.0  # width kept free for the number after a bar
_LETTER = 6.8  # width of one
_TICKS = 6  # about so many on an axis


@dataclass(frozen=True, kw_only=True)
class Bar:
    label: str
    parts: tuple[tuple[str, float], ...]  # name and length, one after the other
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Curve:
    label: str
    points: tuple[tuple[float, float], ...]


def bars(title: str, subtitle: str, rows: Sequence[Bar], theme: Theme = LIGHT) -> str:
    drawing = _titled(title, subtitle, theme)
    _legend(drawing, [name for name, _ in rows[0].parts])
    longest = max(sum(length for _, length in row.parts) for row in rows) or 1.0
    scale = (_WIDTH - _LEFT - _RIGHT - _NUMBER) / longest
    for index, row in enumerate(rows):
        y, x = _HEAD + 16 + index * _ROW, _LEFT
        drawing.text(_LEFT, y, row.label, size=13, bold=True)
        drawing.text(_WIDTH - _RIGHT, y, row.note, fill=theme.soft, anchor="end")
        drawing.box(_LEFT, y + 8, _WIDTH - _LEFT - _RIGHT, _BAR, theme.track)
        for colour, (name, length) in zip(COLOURS, row.parts, strict=False):
            drawing.box(x, y + 8, scale * length, _BAR, colour, tip=f"{name}: {length:.3f}")
            x += scale * length
        drawing.text(x + 8, y + 8 + _BAR - 5, _figure(sum(length for _, length in row.parts)), bold=True)
    return drawing.render(_HEAD + 12 + len(rows) * _ROW, title)


def _figure(value: float) -> str:
    """Three digits, or all of a larger number: 0.932, 16.4, 1,305."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def curves(
    title: str,
    subtitle: str,
    across: str,
    up: str,
    lines: Sequence[Curve],
    limit: float | None = None,
    theme: Theme = LIGHT,
) -> str:
    """`limit`: a line that matters, across the plot."""
    drawing = _titled(title, subtitle, theme)
    _legend(drawing, [line.label for line in lines])
    xs = [x for line in lines for x, _ in line.points]
    top = 1.08 * max([y for line in lines for _, y in line.points] + ([limit] if limit else [])) or 1.0
    least, most = min(xs), max(max(xs), min(xs) + 1e-9)

    def place(x: float, y: float) -> tuple[float, float]:
        across_px = (x - least) / (most - least) * (_WIDTH - _PLOT_LEFT - _RIGHT)
        return _PLOT_LEFT + across_px, _PLOT_TOP + _PLOT_HEIGHT * (1 - y / top)

    bottom = _PLOT_TOP + _PLOT_HEIGHT
    for value in _round_values(0.0, top):
        _, y = place(least, value)
        drawing.line(_PLOT_LEFT, y, _WIDTH - _RIGHT, y, theme.grid)
        drawing.text(_PLOT_LEFT - 8, y + 4, f"{value:g}", fill=theme.soft, anchor="end")
    for value in _round_values(least, most):
        x, _ = place(value, 0.0)
        drawing.line(x, bottom, x, bottom + 5, theme.soft)
        drawing.text(x, bottom + 20, f"{value:g}", fill=theme.soft, anchor="middle")
    if limit is not None:
        _, y = place(least, limit)
        drawing.line(_PLOT_LEFT, y, _WIDTH - _RIGHT, y, theme.alarm, width=1.5, dash="6 4")
    for colour, line in zip(COLOURS * (1 + len(lines) // len(COLOURS)), lines, strict=False):
        placed = [place(x, y) for x, y in line.points]
        for (x1, y1), (x2, y2) in pairwise(placed):
            drawing.line(x1, y1, x2, y2, colour, width=2)
        for (x, y), (across_value, up_value) in zip(placed, line.points, strict=True):
            drawing.box(x - 3, y - 3, 6, 6, colour, radius=3, tip=f"{line.label}: {across_value:g}, {up_value:.4g}")
    drawing.text(_WIDTH - _RIGHT, bottom + 44, across, fill=theme.soft, anchor="end")
    drawing.text(_LEFT, _PLOT_TOP - 12, up, fill=theme.soft)
    return drawing.render(bottom + _FOOT, title)


def _round_values(least: float, most: float) -> list[float]:
    """Round numbers between the two."""
    power = 1.0  # `round_step` knows no step below one
    while (most - least) * power < _TICKS:
        power *= 10
    step = round_step((most - least) * power / _TICKS) / power
    first, last = -int(-least // step), int(most // step)
    return [round(step * index, 12) for index in range(first, last + 1)]


def _titled(title: str, subtitle: str, theme: Theme) -> Drawing:
    drawing = Drawing(_WIDTH, theme)
    drawing.text(_LEFT, 32, title, size=17, bold=True)
    drawing.text(_LEFT, 54, subtitle, size=13, fill=theme.soft)
    return drawing


def _legend(drawing: Drawing, names: Sequence[str]) -> None:
    x = _LEFT
    for colour, name in zip(COLOURS, names, strict=False):
        drawing.box(x, 68, 13, 13, colour)
        drawing.text(x + 19, 79, name)
        x += 44 + _LETTER * len(name)
