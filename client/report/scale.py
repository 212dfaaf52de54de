"""Where the marks of a time axis stand, and what is written there."""

from __future__ import annotations

import math

_TICKS = 8  # about so many
_SECONDS_FROM_MS = 3_000.0
_LAST = 0.97  # of the axis: further right there is no room for words


def ticks(from_ms: float, until_ms: float) -> list[tuple[float, str]]:
    """Round instants: the share of the width at which they stand, and the words."""
    length_ms = until_ms - from_ms
    step = round_step(length_ms / _TICKS)
    first, last = math.ceil(from_ms / step), math.floor((from_ms + _LAST * length_ms) / step)
    return [((mark * step - from_ms) / length_ms, _words(mark * step, until_ms)) for mark in range(first, last + 1)]


def _words(mark_ms: float, until_ms: float) -> str:
    return f"{mark_ms / 1e3:g} s" if until_ms >= _SECONDS_FROM_MS else f"{mark_ms:g} ms"


def round_step(least: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    magnitude = 1.0
    while magnitude * 10 <= least:
        magnitude *= 10
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= least)
