"""The table of docs/parity.md: one row per case, over all its seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Row:
    """`worst` of `runs` comparisons; both sides' time, in seconds."""

    case: str
    unit: str  # what `worst` is
    tolerance: float
    runs: int = 0
    worst: float = 0.0
    seconds: float = 0.0

    def cells(self) -> tuple[str, ...]:
        numbers = f"{self.worst:.1e}", f"{self.tolerance:.0e}"
        return (self.case, str(self.runs), *numbers, self.unit, f"{self.seconds:.1f}")


@dataclass
class Report:
    rows: dict[str, Row] = field(default_factory=dict)
    reference_peak_mb: int = 0

    def add(self, case: str, unit: str, worst: float, tolerance: float, seconds: float) -> None:
        row = self.rows.setdefault(case, Row(case, unit, tolerance))
        row.runs += 1
        row.worst = max(row.worst, worst)
        row.seconds += seconds

    def table(self) -> str:
        head = ("case", "runs", "largest difference", "tolerance", "measure", "seconds")
        rows = [head, ("---", "---:", "---:", "---:", "---", "---:"), *(row.cells() for row in self.rows.values())]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)

    def write(self, path: Path, notes: str) -> None:
        """Replaces what stands below the page's last heading; what is above it is written by hand."""
        above, heading, below = path.read_text(encoding="utf-8").rpartition("\n## ")
        title = below.partition("\n")[0]
        path.write_text(f"{above}{heading}{title}\n\n{self.table()}\n\n{notes}\n", encoding="utf-8")
