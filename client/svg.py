"""The few shapes that a timeline needs, as SVG text. Colours hold on a light and on a dark page."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

INK = "#7b828b"  # readable on white and on black alike
FAINT = "#9aa1aa"
ALARM = "#d64545"
_FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', sans-serif"


@dataclass
class Drawing:
    """Shapes in pixels, from the top left."""

    width: float
    shapes: list[str] = field(default_factory=list)

    def box(
        self, x: float, y: float, width: float, height: float, fill: str, *, opacity: float = 1.0, tip: str = ""
    ) -> None:
        title = f"<title>{escape(tip)}</title>" if tip else ""
        self.shapes.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1.0):.1f}" height="{height:.1f}" rx="2" '
            f'fill="{fill}" fill-opacity="{opacity:g}">{title}</rect>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = FAINT, dash: str = "") -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.shapes.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{dashed}/>')

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 12,
        fill: str = INK,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}" text-anchor="{anchor}"{weight}>'
            f"{escape(words)}</text>"
        )

    def render(self, height: float, description: str) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {height:g}" width="{self.width:g}" '
            f'height="{height:g}" role="img" font-family="{_FONT}">\n<title>{escape(description)}</title>'
        )
        return "\n".join([head, *self.shapes, "</svg>\n"])
