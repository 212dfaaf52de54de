"""The arithmetic of continuous playback: when chunks will be ready, and the least pre-buffer that this needs.

Chunk i lasts d_i and is ready at r_i. With playback starting P after the first chunk there is no gap if and only if
r_(n+1) <= r_1 + P + d_1 + ... + d_n for every n, so the least pre-buffer is P* = max(r_(n+1) - r_1 - sum of d), or 0.
What counts for a listener is the start of gap-free playback, r_1 + P*. Pure functions; seconds and tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


def least_prebuffer(ready: Sequence[float], durations: Sequence[float]) -> float:
    """P* of chunks that became ready at `ready` and last `durations`."""
    worst, played = 0.0, 0.0
    for at, duration in zip(ready, durations, strict=True):
        worst = max(worst, at - ready[0] - played)
        played += duration
    return worst


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How fast this engine speaks one utterance at the moment."""

    token_s: float  # T3, from one token to the next
    window_s: Callable[[int], float]  # flow and vocoder, a window of so many tokens
    audio_s: float  # what a token lasts
    held_back_s: float  # audio that the vocoder keeps until its segment ends
    lookahead: int  # tokens
    largest: int  # window
    first_lookahead: int | None = None  # of an utterance's first window; None: as all others


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where an utterance stands; all zero at its beginning. Tokens beyond `waiting` come from T3 one by one."""

    waiting: int = 0  # tokens drawn and not spoken
    coming: int = 0  # tokens that T3 has yet to draw
    played_from_s: float = 0.0  # when its first chunk was ready, counted back from now
    sent_s: float = 0.0  # audio that was sent so far


def windows(machine: Machine, position: Position, first: int) -> tuple[list[float], list[float]]:
    """When the coming chunks will be ready, from now, and what they last, if the flow takes what is there when it is
    free: a first window of `first` tokens (0: no special one), then up to `largest`."""
    ready: list[float] = []
    durations: list[float] = []
    spoken, free_s, total = 0, 0.0, position.waiting + position.coming

    def drawn_s(count: int) -> float:
        """When so many tokens, counted from the first that waits, are there."""
        return max(0, min(count, total) - position.waiting) * machine.token_s

    while spoken < total:
        least = max(1, first if not ready else 0)
        lookahead = machine.lookahead
        if not ready and first and machine.first_lookahead is not None:
            lookahead = machine.first_lookahead
        free_s = max(free_s, drawn_s(spoken + least + lookahead))
        there = total if machine.token_s == 0 else position.waiting + int(free_s / machine.token_s + 1e-9)
        size = min(machine.largest, total - spoken)
        if there < total:
            size = max(least, min(size, there - lookahead - spoken))
        size = min(size, total - spoken)
        free_s += machine.window_s(size)
        spoken += size
        ready.append(free_s)
        durations.append(size * machine.audio_s)
    if durations:  # what is held back leaves with the last chunk
        durations[0] -= 0.0 if position.sent_s else machine.held_back_s
        durations[-1] += machine.held_back_s
    return ready, durations


def prebuffer(machine: Machine, position: Position) -> float:
    """The least pre-buffer, counted from the first chunk, of an utterance that has begun to sound."""
    ready, durations = windows(machine, position, 0)
    worst, played = 0.0, position.sent_s
    for at, duration in zip(ready, durations, strict=True):
        worst = max(worst, position.played_from_s + at - played)
        played += duration
    return worst


def first_window(machine: Machine, coming: int, least: int, slack_s: float = 0.0) -> int:
    """Tokens of the first window with which gap-free playback starts soonest, at least `least`, for `coming` tokens.

    Every later chunk is to be ready `slack_s` before its turn."""
    best, best_s = least, math.inf
    for size in range(least, max(least, machine.largest) + 1):
        ready, durations = windows(machine, Position(coming=coming), size)
        if not ready:
            return least
        wait_s = least_prebuffer([ready[0], *(at + slack_s for at in ready[1:])], durations)
        if ready[0] + wait_s < best_s - 1e-9:
            best, best_s = size, ready[0] + wait_s
        if not wait_s:  # larger ones only start later
            return best
    return best
