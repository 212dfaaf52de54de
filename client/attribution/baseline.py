"""What is normal: how long each hop takes for so much work, learned from clean utterances, or from the one at hand.

Where clean utterances on the same machines are known, normal is their median. Otherwise it is the median of the
utterance's own steps of the same kind; a step that happens only once or twice is then compared with a fixed allowance,
and no stage that is slower than the sound it makes counts as normal.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from .durations import Step
from .hops import Hop

TOKEN_NS = 40_000_000  # of sound in one speech token
ENOUGH = 3  # steps of a kind, or utterances, to tell what is normal
NEAREST = 15  # steps that are asked
ALIKE = 1.25  # so far apart may amounts of work be, to take the same time
UTTERANCES_KEPT = 40

Key = tuple[Hop, str]  # hop and kind of steps
Sample = tuple[int, int]  # work, ns

# In ms, for what an utterance does only once or twice and cannot be compared with itself: what is usual, and what is
# let pass beyond that.
_USUAL_MS: Mapping[Key, tuple[float, float]] = {
    (Hop.T3, "first"): (20.0, 130.0),  # beyond its tokens: the prefill
    (Hop.DEVICE_OPEN, "before"): (10.0, 140.0),  # the first text
    (Hop.DEVICE_OPEN, "open"): (10.0, 140.0),
    (Hop.DEVICE, "start"): (30.0, 50.0),
}
_SPOKEN = (Hop.T3, Hop.FLOW)  # their work is counted in tokens


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one utterance teaches."""

    samples: dict[Key, list[Sample]]
    round_trip_ns: int | None
    first_sound_ns: int | None
    missing_ns: int

    @classmethod
    def of(cls, steps: Iterable[Step], round_trip_ns: int | None, first_sound_ns: int | None, missing_ns: int) -> Run:
        samples: defaultdict[Key, list[Sample]] = defaultdict(list)
        for step in steps:
            if not step.known:
                samples[step.hop, step.kind].append((step.work, step.span.length_ns))
        return cls(
            samples=dict(samples), round_trip_ns=round_trip_ns, first_sound_ns=first_sound_ns, missing_ns=missing_ns
        )

    def to_json(self) -> str:
        samples = [[hop, kind, *sample] for (hop, kind), group in self.samples.items() for sample in group]
        return json.dumps(
            {
                "samples": samples,
                "round_trip_ns": self.round_trip_ns,
                "first_sound_ns": self.first_sound_ns,
                "missing_ns": self.missing_ns,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Run:
        """Raises ValueError, KeyError or TypeError for what `to_json` never wrote."""
        values = json.loads(text)
        samples: defaultdict[Key, list[Sample]] = defaultdict(list)
        for hop, kind, work, ns in values["samples"]:
            samples[Hop(hop), str(kind)].append((int(work), int(ns)))
        return cls(
            samples=dict(samples),
            round_trip_ns=values["round_trip_ns"],
            first_sound_ns=values["first_sound_ns"],
            missing_ns=values["missing_ns"],
        )


@dataclass(frozen=True)
class Expected:
    ns: int
    spread_ns: int  # median distance from it
    margin_ns: int = 0  # that is let pass in any case


@dataclass(frozen=True, kw_only=True)
class Normal:
    """`learned`: from clean utterances; else from the one that is judged."""

    learned: bool
    round_trip_ns: int = 0
    first_sound_ns: int | None = None
    missing_ns: int = 0
    samples: Mapping[Key, Sequence[Sample]] = field(default_factory=dict)

    @classmethod
    def from_clean(cls, runs: Sequence[Run]) -> Normal:
        samples: defaultdict[Key, list[Sample]] = defaultdict(list)
        for run in runs:
            for key, group in run.samples.items():
                samples[key] += group
        return cls(
            learned=True,
            round_trip_ns=round(_median(run.round_trip_ns for run in runs) or 0),
            first_sound_ns=round(_median(run.first_sound_ns for run in runs) or 0) or None,
            missing_ns=round(_median(run.missing_ns for run in runs) or 0),
            samples=samples,
        )

    @classmethod
    def from_itself(cls, run: Run) -> Normal:
        return cls(learned=False, samples=run.samples)

    def expected(self, step: Step) -> Expected:
        """How long the step should have taken."""
        group = self.samples.get((step.hop, step.kind), ())
        if self.learned and group:
            return _typical(group, step.work)
        if len(group) < ENOUGH and step.kind == "first" and step.hop is not Hop.T3:
            group = [*group, *self.samples.get((step.hop, "next"), ())]
        if len(group) < ENOUGH:
            usual_ms, margin_ms = _USUAL_MS.get((step.hop, step.kind), (0.0, 0.0))
            tokens_ns = self._tokens_ns(step.work) if step.hop is Hop.T3 else 0
            return Expected(round(usual_ms * 1e6) + tokens_ns, 0, round(margin_ms * 1e6))
        typical = _typical(group, step.work)
        if step.hop in _SPOKEN:
            return Expected(min(typical.ns, step.work * TOKEN_NS), typical.spread_ns)
        return typical

    def _tokens_ns(self, tokens: int) -> int:
        """For so many tokens at T3's usual pace, or the best that is known of it; at most at the pace of the sound."""
        later = [ns / work for work, ns in self.samples.get((Hop.T3, "next"), ()) if work]
        first = [ns / work for work, ns in self.samples.get((Hop.T3, "first"), ()) if work]
        pace = statistics.median(later) if len(later) >= ENOUGH else min([*later, *first, TOKEN_NS])
        return round(tokens * min(pace, TOKEN_NS))


def _typical(group: Sequence[Sample], work: int) -> Expected:
    """The median of the samples with about as much work; where they are few, on the line through all."""
    nearest = sorted(group, key=lambda sample: abs(sample[0] - work))[:NEAREST]
    alike: list[float] = [ns for amount, ns in nearest if _about(amount, work)]
    if len(alike) < ENOUGH:
        slope = _slope(nearest)
        alike = [max(0.0, ns + slope * (work - amount)) for amount, ns in nearest]
    middle = statistics.median(alike)
    return Expected(round(middle), round(statistics.median(abs(time - middle) for time in alike)))


def _slope(samples: Sequence[Sample]) -> float:
    """Theil and Sen's: the median of the slopes between all pairs, which no single outlier moves."""
    slopes = [(second[1] - first[1]) / (second[0] - first[0]) for first, second in combinations(samples, 2)
              if first[0] != second[0]]  # fmt: skip
    return max(0.0, statistics.median(slopes)) if slopes else 0.0


def _about(amount: int, work: int) -> bool:
    return max(amount, work) <= ALIKE * min(amount, work)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
