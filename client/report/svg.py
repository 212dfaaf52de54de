"""The few shapes that a picture needs, as SVG text, in colours for a light or a dark page."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

_FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, kw_only=True)
class Theme:
    page: str
    ink: str
    soft: str  # of what is said in passing
    track: str
    grid: str
    alarm: str


LIGHT = Theme(page="#ffffff", ink="#1c2026", soft="#59616c", track="#eceef1", grid="#d9dce1", alarm="#d03535")
DARK = Theme(page="#0d1117", ink="#e8eaed", soft="#a3abb6", track="#1b2127", grid="#30363d", alarm="#d94b4b")


@dataclass
class Drawing:
    """Shapes in pixels, from the top left."""

    width: float
    theme: Theme = LIGHT
    shapes: list[str] = field(default_factory=list)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str,
        *,
        opacity: float = 1.0,
        radius: float = 2,
        tip: str = "",
    ) -> None:
        title = f"<title>{escape(tip)}</title>" if tip else ""
        faint = f' fill-opacity="{opacity:g}"' if opacity < 1 else ""
        self.shapes.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1.0):.1f}" height="{height:.1f}" rx="{radius:g}" '
            f'fill="{fill}"{faint}>{title}</rect>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, stroke: str, *, width: float = 1, dash: str = ""
    ) -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.shapes.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
            f'stroke-width="{width:g}"{dashed}/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 12,
        fill: str = "",
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """`fill`: other than the ink."""
        weight = ' font-weight="600"' if bold else ""
        self.shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill or self.theme.ink}" '
            f'text-anchor="{anchor}"{weight}>{escape(words)}</text>'
        )

    def hatch(self, name: str, stripe: str, opacity: float) -> str:
        """A fill of slanted stripes, to be laid over a box."""
        self.shapes.append(
            f'<defs><pattern id="{name}" width="7" height="7" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect width="3" height="7" fill="{stripe}" fill-opacity="{opacity:g}"/>'
            "</pattern></defs>"
        )
        return f"url(#{name})"

    def render(self, height: float, description: str) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {height:g}" width="{self.width:g}" '
            f'height="{height:g}" role="img" font-family="{_FONT}">\n<title>{escape(description)}</title>\n'
            f'<rect width="100%" height="100%" fill="{self.theme.page}"/>'
        )
        return "\n".join([head, *self.shapes, "</svg>\n"])
