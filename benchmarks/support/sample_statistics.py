"""Figures of a sample: percentiles, and the median of ratios of pairs with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

NORMAL_95 = 1.96


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def summary(values: Sequence[float]) -> dict[str, float]:
    shares = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(percentile(values, share), 4) for name, share in shares.items()}


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Median of ours / theirs over pairs, and its 95 % interval by order statistics, whatever the distribution."""
    ordered = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    count = len(ordered)
    aside = max(0, math.floor(count / 2 - NORMAL_95 * math.sqrt(count) / 2))
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return middle, ordered[aside], ordered[count - 1 - aside]
