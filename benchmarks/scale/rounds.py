"""What was seen when something died under listeners, a line that says it, and what was promised and not kept."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

ENOUGH_S = 1.0  # of audio in hand: who has so much hears nothing of a death
SETTLES_S = 0.3  # three heartbeats
_CLOCKS_S = 0.01  # that two looks at one arrival may differ by


@dataclass(frozen=True)
class Moved:
    """One listener who was moved."""

    in_hand_s: float  # audio, when his engine was struck
    away_s: float  # from then until the first sound that another one made
    gap_s: float  # the worst

    @property
    def allowed_gap_s(self) -> float:
        return 0.0 if self.in_hand_s >= ENOUGH_S else max(0.0, self.away_s - self.in_hand_s)


@dataclass
class Round:
    kind: str
    struck: int = 0  # listeners of what died
    false_moves: int = 0  # that the pool made while nothing was wrong
    moves: int = 0  # that the pool made afterwards, or calls that clients resumed
    seen_s: float = 0.0  # until the loss was known
    moved: list[Moved] = field(default_factory=list)
    others_gaps_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    places_left: int = 0  # taken at the end

    def broken(self) -> Iterator[str]:
        """The promises that were not kept."""
        yield from self.wrong
        if self.places_left:
            yield f"{self.places_left} places are still taken"
        if moves := self.false_moves + (0 if self.struck else self.moves):
            yield f"{moves} moves, and nothing had died"
        for one in self.moved:
            if one.gap_s > one.allowed_gap_s + _CLOCKS_S:
                had = f"{one.in_hand_s:.3f} s were in hand, and {one.away_s:.3f} s passed without sound"
                yield f"a gap of {one.gap_s:.3f} s: {had}"
        for gap_s in self.others_gaps_s:
            if gap_s > 0:
                yield f"a gap of {gap_s:.3f} s for somebody whose engine lived"


def told(kind: str, rounds: Sequence[Round]) -> str:
    moved = [one for each in rounds for one in each.moved]
    others = [gap for one in rounds for gap in one.others_gaps_s]
    seen_s = statistics.median(one.seen_s for one in rounds)
    away_s = statistics.median([one.away_s for one in moved] or [0.0])
    gaps_ms = [one.gap_s * 1000 for one in moved]
    line = (
        f"{kind}: {len(rounds)} rounds, {sum(one.struck for one in rounds)} listeners of what died, "
        f"{sum(one.false_moves + one.moves for one in rounds)} moves; wrong {sum(len(one.wrong) for one in rounds)}; "
        f"seen after {seen_s * 1000:.0f} ms (p50), sound of another one after {away_s * 1000:.0f} ms (p50); "
        f"worst gap {max(gaps_ms, default=0.0):.0f} ms, of the others {max(others, default=0.0) * 1000:.0f} ms; "
        f"places left {sum(one.places_left for one in rounds)}"
    )
    return "\n".join([line, *(f"  not kept: {what}" for one in rounds for what in one.broken())])
