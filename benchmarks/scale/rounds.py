"""What was seen when something died under listeners, and a line that says it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Round:
    kind: str
    moved: int = 0  # listeners of what died
    moves: int = 0  # that the pool made, or calls that clients resumed
    seen_s: float = 0.0  # until the loss was known
    in_hand_s: list[float] = field(default_factory=list)  # of those that moved
    restart_s: list[float] = field(default_factory=list)  # from the loss being known to audio of the other engine
    gaps_s: list[float] = field(default_factory=list)
    others_gaps_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    places_left: int = 0  # taken at the end


def told(kind: str, rounds: Sequence[Round]) -> str:
    gaps = [gap for one in rounds for gap in one.gaps_s]
    others = [gap for one in rounds for gap in one.others_gaps_s]
    wrong = [what for one in rounds for what in one.wrong]
    moves = sum(one.moves for one in rounds)
    seen = statistics.median(one.seen_s for one in rounds)
    restart = [one for each in rounds for one in each.restart_s]
    return (
        f"{kind}: {len(rounds)} rounds, {len(gaps)} listeners of what died, {moves} moves; wrong {len(wrong)}; "
        f"seen after {seen * 1000:.0f} ms (p50), "
        f"audio {statistics.median(restart or [0.0]) * 1000:.0f} ms later (p50); "
        f"worst gap {max(gaps, default=0.0) * 1000:.0f} ms, of the others {max(others, default=0.0) * 1000:.0f} ms; "
        f"places left {sum(one.places_left for one in rounds)}"
    )
