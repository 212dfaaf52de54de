"""An analysis -> the table that `--explain` prints, and what `--json` carries: `verdict` and `budgets`."""

from __future__ import annotations

import textwrap
from typing import Any

from ..attribution.critical_path import Budget
from ..attribution.hops import Hop
from ..attribution.verdict import Analysis
from .headline import headline, why_it_waited

_BAR = 30  # characters of the longest bar
_WIDTH = 80  # columns
SMALL_MS = 0.05  # less is left out of the table


def table(analysis: Analysis) -> str:
    """For a person, 80 columns wide: the verdict, both budgets, what was beyond normal."""
    verdict = analysis.verdict
    advice = f"What helps: {verdict.hop.about.advice}." if verdict.hop.about.advice else ""
    lines = ["what happened", *_wrapped(headline(analysis), verdict.evidence, advice)]
    for budget in analysis.budgets:
        lines += ["", *_budget(budget)]
        if budget.name == "first_sound":
            lines += _wrapped(why_it_waited(analysis))
    if len(verdict.anomalies) > 1:
        lines += ["", "also beyond normal"]
        lines += [f"  {anomaly.hop.label:<34}{anomaly.ms:9.1f} ms" for anomaly in verdict.anomalies[1:]]
    return "\n".join([*lines, "", "what this stands on", *_grounds(analysis)])


def _wrapped(*paragraphs: str) -> list[str]:
    return [f"  {line}" for words in paragraphs for line in textwrap.wrap(words, _WIDTH - 2)]


def as_json(analysis: Analysis) -> dict[str, Any]:
    """Milliseconds unless the name says otherwise. Hops are named as in `hops.Hop`."""
    verdict = analysis.verdict
    return {
        "verdict": {
            "headline": headline(analysis),
            "hop": verdict.hop.value,
            "ms": round(verdict.ms, 2),
            "audible": verdict.audible,
            "evidence": verdict.evidence,
            "others": {anomaly.hop.value: round(anomaly.ms, 2) for anomaly in verdict.anomalies[1:]},
            "normal": "learned" if analysis.normal.learned else "this utterance",
        },
        "budgets": [
            {
                "name": budget.name,
                "chunk": budget.chunk,
                "total_ms": round(budget.total_ms, 2),
                "explained_share": round(budget.explained, 4),
                "between_segments": budget.between_segments,
                "hops_ms": {hop.value: round(ms, 2) for hop, ms in budget.ms.items()},
            }
            for budget in analysis.budgets
        ],
    }


def title(budget: Budget) -> str:
    if budget.name == "first_sound":
        return f"from text complete to the first audible sample: {budget.total_ms:.1f} ms"
    where = ", between two sentences" if budget.between_segments else ""
    return f"chunk {budget.chunk} was late by {budget.total_ms:.1f} ms{where}"


def _budget(budget: Budget) -> list[str]:
    rows = {hop: ms for hop, ms in budget.ms.items() if ms >= SMALL_MS}
    longest = max(rows.values(), default=1.0)
    lines = [title(budget)]
    for hop, ms in rows.items():
        lines.append(f"  {hop.label:<34}{ms:9.1f} ms  {'█' * max(0, round(_BAR * ms / longest))}".rstrip())
    lines.append(f"  {'explained':<34}{budget.explained:9.1%}")
    return lines


def _grounds(analysis: Analysis) -> list[str]:
    """What the verdict stands on."""
    lines = []
    bounds, observations = analysis.bounds, analysis.observations
    if bounds is None:
        lines.append("  the server told no timings: only what happened in the client is known")
    elif bounds.round_trip_ns is not None:
        offset_ms, error_ms = bounds.offset_ns / 1e6, bounds.round_trip_ns / 2e6
        lines.append(f"  the server's clock is {offset_ms:+.3f} ms from ours, known to {error_ms:.3f} ms")
    if observations.exchanges:
        slowest_ms = max(exchange.round_trip_ns for exchange in observations.exchanges) / 1e6
        asked = f"{len(observations.exchanges)} questions to that clock, meanwhile"
        lines.append(f"  {asked}, were answered within {slowest_ms:.1f} ms")
    normal = "earlier clean utterances" if analysis.normal.learned else "this utterance's own steps"
    lines.append(f"  normal is the median of {normal}")
    blocked = [(hop, analysis.blocks.length_ns(hop)) for hop in (Hop.SERVER_LOOP, Hop.CLIENT_LOOP, Hop.CLIENT_READER)]
    lines += [f"  {hop.label}: {ns / 1e6:.0f} ms in all" for hop, ns in blocked if ns]
    return lines
