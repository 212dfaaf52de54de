"""Whether a neighbour noticed an attack: what it heard meanwhile beside what it hears without one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.attack.neighbour import Heard
from benchmarks.support.sample_statistics import percentile
from client.attribution import analyse
from client.record import Record

SHOWN = 3  # hops that grew most


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much a neighbour may notice."""

    gap_s: float = 0.050  # more than without an attack
    ttfa_ratio: float = 2.0  # of the medians
    probe_s: float = 0.050  # of a machine that does not stand still


@dataclass(frozen=True, kw_only=True)
class Figures:
    gap_s: float
    ttfa_s: float  # median; of nobody who was let in: infinite
    probe_s: float  # the latest answer of the clock
    running_s: float  # the same, but without the time in which the machine stood still
    loop_s: float  # of it the server's event loop, which tells whose fault a late answer is
    refused: int
    failed: tuple[str, ...]
    hops_ms: Mapping[str, float] = field(default_factory=dict)  # of a first sound, on the average

    @classmethod
    def of(cls, heard: Heard) -> Figures:
        never = float("inf")
        return cls(
            gap_s=max(heard.gaps_s, default=never),
            ttfa_s=percentile(heard.ttfa_s, 50) if heard.ttfa_s else never,
            probe_s=max(heard.probes_s, default=never),
            running_s=max(heard.running_s, default=never),
            loop_s=heard.loop_s,
            refused=heard.refused,
            failed=tuple(heard.failed),
            hops_ms=_hops_ms(heard.first_sounds),
        )


def noticed(during: Figures, without: Figures, limits: Limits, *, slack: float = 1.0) -> list[str]:
    """What the neighbour noticed beyond the limits, in words. `slack` widens them, for a machine that is not quiet."""
    more_s = during.gap_s - without.gap_s
    found = [f"failed: {words}" for words in during.failed]
    if more_s > limits.gap_s * slack:
        found.append(f"a gap of {_ms(during.gap_s)}, {_ms(more_s)} more than without")
    if during.ttfa_s > without.ttfa_s * limits.ttfa_ratio * slack:
        found.append(
            f"first sound after {_ms(during.ttfa_s)} instead of {_ms(without.ttfa_s)}{_grown(during, without)}"
        )
    if during.running_s > limits.probe_s * slack:
        found.append(f"the clock answered after {_ms(during.running_s)} in which the machine ran")
    return found


def _hops_ms(records: Sequence[Record]) -> dict[str, float]:
    """The mean of each hop on the way to the first sound."""
    total: defaultdict[str, float] = defaultdict(float)
    for record in records:
        for budget in analyse(record).budgets:
            if budget.name == "first_sound":
                for hop, ms in budget.ms.items():
                    total[hop.value] += ms
    return {hop: ms / len(records) for hop, ms in total.items()}


def _grown(during: Figures, without: Figures) -> str:
    """Which hops took that time, in words."""
    more_ms = {hop: ms - without.hops_ms.get(hop, 0.0) for hop, ms in during.hops_ms.items()}
    most = sorted(more_ms, key=lambda hop: more_ms[hop], reverse=True)[:SHOWN]
    shown = ", ".join(f"{hop} {more_ms[hop]:+.0f} ms" for hop in most)
    return f" ({shown})" if shown else ""


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.0f} ms"
