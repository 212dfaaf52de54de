"""The verdict on one utterance: the one hop to blame, how much, on what evidence, and whether it could be heard.

A hop is to blame for what it took beyond what is normal. Where sound broke off and nothing was beyond normal, the hop
that holds most of the silence's critical path is to blame. What nobody can be blamed for is called unexplained.
Pure: facts in, words out.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._clock import ClockOffset
from ..record import Record
from .anomalies import BLAMED_NS, NEVER_BLAMED, Anomaly, find
from .baseline import Normal, Run
from .chunk_timeline import ChunkTimeline, chunk_timelines
from .clock_bounds import ClockBounds, clock_bounds
from .critical_path import AUDIBLE_GAP_NS, Budget, budgets
from .durations import Step, steps
from .evidence import evidence
from .hops import Hop
from .known_blocks import Blocks, known_blocks
from .observations import NOTHING_OBSERVED, Observations, length_ns

SILENCE_WEIGHT = 3  # of a millisecond that was missing in the sound, against one that delayed something
BROKEN_NS = 30_000_000  # silence of this length is to be explained even if no hop was beyond normal


@dataclass(frozen=True, kw_only=True)
class Verdict:
    hop: Hop
    ms: float
    audible: bool
    evidence: str
    anomalies: tuple[Anomaly, ...] = ()  # all hops that were beyond normal, the one to blame first

    @property
    def sentence(self) -> str:
        """For a person who wants to know one thing."""
        if self.hop is Hop.CLEAN:
            return "Nothing was late, and the sound did not break."
        heard = "it could be heard" if self.audible else "it could not be heard"
        if self.hop is Hop.UNEXPLAINED:
            return f"{self.ms:.0f} ms cannot be explained, and {heard}. {self.evidence}".strip()
        return f"To blame: {self.hop.label}, {self.ms:.0f} ms too much, and {heard}. {self.evidence}".strip()


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Everything that is known about where the time of an utterance went."""

    record: Record
    observations: Observations
    bounds: ClockBounds | None
    chunks: list[ChunkTimeline]
    blocks: Blocks
    steps: list[Step]
    budgets: list[Budget]
    normal: Normal
    verdict: Verdict

    @property
    def run(self) -> Run:
        """What the next verdict may learn from this one."""
        return _run(self.steps, self.bounds, self.budgets, self.chunks)


def analyse(
    record: Record,
    clock: ClockOffset | None = None,
    observations: Observations = NOTHING_OBSERVED,
    *,
    first_audible: int | None = None,
    normal: Normal | None = None,
) -> Analysis:
    """`clock`: measured before; `first_audible`: index of that sample; `normal`: learned from clean utterances."""
    bounds = clock_bounds(record, clock, observations.exchanges)
    blocks = known_blocks(record, observations, bounds)
    chunks = chunk_timelines(record, observations, bounds)
    taken = steps(record, chunks, observations, bounds, blocks)
    spent = budgets(record, chunks, bounds, blocks, first_audible)
    normal = normal or Normal.from_itself(_run(taken, bounds, spent, chunks))
    found = find(taken, observations, bounds, blocks, spent, normal)
    return Analysis(
        record=record,
        observations=observations,
        bounds=bounds,
        chunks=chunks,
        blocks=blocks,
        steps=taken,
        budgets=spent,
        normal=normal,
        verdict=_verdict(record, observations, chunks, spent, normal, found),
    )


def _run(taken: list[Step], bounds: ClockBounds | None, spent: list[Budget], chunks: list[ChunkTimeline]) -> Run:
    first = next((budget.span.length_ns for budget in spent if budget.name == "first_sound"), None)
    return Run.of(taken, bounds.round_trip_ns if bounds else None, first, _missing_ns(chunks))


def _missing_ns(chunks: list[ChunkTimeline]) -> int:
    return sum(chunk.late_ns for chunk in chunks[1:] if chunk.late_ns > AUDIBLE_GAP_NS)


# ------------------------------------------------------------------------------------------------ who is to blame


def _verdict(
    record: Record,
    observations: Observations,
    chunks: list[ChunkTimeline],
    spent: list[Budget],
    normal: Normal,
    found: list[Anomaly],
) -> Verdict:
    if not chunks:
        return Verdict(hop=Hop.UNEXPLAINED, ms=0.0, audible=True, evidence="No audio came.")
    missing_ns = _missing_ns(chunks) - normal.missing_ns
    by_weight = sorted(found, key=_weight, reverse=True)
    if by_weight and (by_weight[0].silent_ms > 0 or missing_ns <= max(BROKEN_NS, by_weight[0].ms * 1e6)):
        worst = by_weight[0]
        said = evidence(worst.hop, chunks, observations, worst.chunks, worst.spans)
        return Verdict(hop=worst.hop, ms=worst.ms, audible=worst.audible, evidence=said, anomalies=tuple(by_weight))
    if missing_ns > BROKEN_NS:
        return _from_silences(spent, chunks, observations, missing_ns, by_weight)
    late_ns = _late_start_ns(spent, normal)
    if late_ns > BLAMED_NS:
        said = "The first sound came later than usual, and no hop took longer than usual by that much."
        return Verdict(hop=Hop.UNEXPLAINED, ms=late_ns / 1e6, audible=True, evidence=said)
    return Verdict(hop=Hop.CLEAN, ms=0.0, audible=False, evidence="")


def _weight(anomaly: Anomaly) -> float:
    """A delay that broke the sound counts for more than one that nobody heard."""
    return anomaly.ms + SILENCE_WEIGHT * anomaly.silent_ms


def _from_silences(
    spent: list[Budget], chunks: list[ChunkTimeline], observations: Observations, missing_ns: int, found: list[Anomaly]
) -> Verdict:
    """Nothing was beyond normal: the hop that held most of the way to the late chunks."""
    late = [budget for budget in spent if budget.name == "late_chunk"]
    path = [piece for budget in late for piece in (*budget.lead, *budget.pieces) if piece.hop not in NEVER_BLAMED]
    spans = {hop: tuple(piece.span for piece in path if piece.hop is hop) for hop in Hop}
    hop = max(spans, key=lambda name: length_ns(spans[name])) if path else Hop.UNEXPLAINED
    said = evidence(hop, chunks, observations, tuple(budget.chunk for budget in late), spans[hop])
    return Verdict(hop=hop, ms=missing_ns / 1e6, audible=True, evidence=said, anomalies=tuple(found))


def _late_start_ns(spent: list[Budget], normal: Normal) -> int:
    """What the first sound came later than usual, or what of its way nobody can explain."""
    first = next((budget for budget in spent if budget.name == "first_sound"), None)
    if first is None:
        return 0
    if normal.first_sound_ns is not None:
        return first.span.length_ns - normal.first_sound_ns - 2 * BLAMED_NS
    return round(first.ms.get(Hop.UNEXPLAINED, 0.0) * 1e6)
