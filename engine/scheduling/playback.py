"""The arithmetic of continuous playback: when chunks will be ready, and the least pre-buffer that this needs.

Chunk i lasts d_i and is ready at r_i. With playback starting P after the first chunk there is no gap if and only if
r_(n+1) <= r_1 + P + d_1 + ... + d_n for every n, so the least pre-buffer is P* = max(r_(n+1) - r_1 - sum of d), or 0.
What counts for a listener is the start of gap-free playback, r_1 + P*. Pure functions; seconds and tokens.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from engine.scheduling import sizes

ABOUT = 0.97  # of the time to gap-free playback: what is not shorter than this is as good; costs are not known better
REMEMBERED = 5000  # answers of `reserve` that a machine keeps
AHEAD = 0.5  # of real time: a stage that needs no more is much faster than speech
NEAR, FAR = 40, 100  # tokens
MOST_FORESEEN = 1_000  # tokens, window by window
CUSHION_S = 0.01  # that a first sound may come later, for more of it


def least_prebuffer(ready: Sequence[float], durations: Sequence[float]) -> float:
    """P* of chunks that became ready at `ready` and last `durations`."""
    return lateness(ready, durations, ready[0]) if ready else 0.0


def lateness(ready: Sequence[float], durations: Sequence[float], from_s: float) -> float:
    """How late the latest chunk comes for a listener whose audio before these chunks lasts until `from_s`, or 0."""
    worst, due = 0.0, from_s
    for at, duration in zip(ready, durations, strict=True):
        worst = max(worst, at - due)
        due += duration
    return worst


class Stretch(NamedTuple):
    """The part of a segment that is still to come."""

    waiting: int  # tokens drawn and not spoken
    coming: int  # tokens that T3 has yet to draw
    begun: bool = False  # some of it was spoken

    @property
    def total(self) -> int:
        return self.waiting + self.coming


Reserves = dict[tuple[Stretch, int, float], tuple[float, float]]
"""What `reserve` said of a machine, by its arguments."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How fast this engine speaks one utterance at the moment.

    Many decisions are taken with one of these, so what it takes a search to know is looked up in tables, made once."""

    token_s: float  # T3, from one token to the next
    begin_s: float = 0.0  # T3, from a segment's stop token to where the next segment's tokens begin
    flow_s: Callable[[int], float]  # a window of so many tokens
    vocoder_s: Callable[[int], float] = lambda tokens: 0.0  # the same; beside the flow, which goes on meanwhile
    flow_batch: float = 1.0  # windows that the flow runs together, on average,
    vocoder_batch: float = 1.0  # and the vocoder
    audio_s: float  # what a token lasts
    pause_s: float = 0.0  # silence between two segments
    held_back_s: float  # audio that the vocoder keeps until its segment ends
    lookahead: int  # tokens
    largest: int  # window
    spare_lookahead: int = 0  # tokens of it that a window may do without, to be in time
    reserves: Reserves = field(default_factory=dict, init=False, repr=False)

    @property
    def least_lookahead(self) -> int:
        return self.lookahead - self.spare_lookahead

    def window_s(self, tokens: int) -> float:
        """From a window's tokens, at most `largest`, to its audio."""
        return self._windows_s[tokens]

    def turn_s(self, tokens: int) -> float:
        """How much longer all others wait for a window of so many tokens: a batch costs less than its windows one by
        one, so that each of them has its share of what a call costs whatever its size."""
        return self._turns_s[tokens]

    def most_within(self, seconds: float) -> int:
        """Tokens of the largest window that takes no longer; 0 if there is none."""
        return sizes.at_most(bisect_right(self._least_s, seconds), self.largest)

    def most_taking_turns(self, seconds: float) -> int:
        """Tokens of the largest window for which all others wait no longer; 0 if there is none."""
        return sizes.at_most(bisect_right(self._least_turns_s, seconds), self.largest)

    def least_lasting(self, turns: float) -> int:
        """Tokens of the smallest window whose audio lasts for so many turns like its own; else of the largest."""
        if (known := self._lasting.get(turns)) is None:
            known = self._lasting[turns] = sizes.at_least(1 + bisect_left(self._most_turns, turns), self.largest)
        return known

    @cached_property
    def is_fast(self) -> bool:
        """Whether every stage is so much faster than speech that who is ahead of a listener only gets further ahead."""
        pace_s = AHEAD * self.audio_s
        return self.token_s <= pace_s and self.window_s(self.largest) <= self.largest * pace_s

    @property
    def pace_s(self) -> float:
        """What a token takes where the slowest stage never waits."""
        return max(self.token_s, self.flow_s(self.largest) / self.largest, self.vocoder_s(self.largest) / self.largest)

    @property
    def foresight(self) -> int:
        """Coming tokens that a forecast depends on: what comes later changes little."""
        return NEAR if self.is_fast else FAR

    @cached_property
    def _lasting(self) -> dict[float, int]:
        """What `least_lasting` said."""
        return {}

    @cached_property
    def _windows_s(self) -> list[float]:
        return [self.flow_s(tokens) + self.vocoder_s(tokens) for tokens in range(self.largest + 1)]

    @cached_property
    def _turns_s(self) -> list[float]:
        shared_s = self.flow_s(0) * (1 - 1 / self.flow_batch) + self.vocoder_s(0) * (1 - 1 / self.vocoder_batch)
        return [max(0.0, window_s - shared_s) for window_s in self._windows_s]

    @cached_property
    def _least_s(self) -> list[float]:
        """Seconds of the cheapest window of at least 1, 2, ... tokens."""
        return _least_from(self._windows_s)

    @cached_property
    def _least_turns_s(self) -> list[float]:
        """The same of turns."""
        return _least_from(self._turns_s)

    @cached_property
    def _most_turns(self) -> list[float]:
        """For how many turns like its own the audio of a window of at most 1, 2, ... tokens lasts, at best."""
        counts = range(1, self.largest + 1)
        return list(accumulate((_ratio(count * self.audio_s, self.turn_s(count)) for count in counts), max))


def _least_from(costs: Sequence[float]) -> list[float]:
    """The least cost of at least 1, 2, ... tokens."""
    return list(accumulate(reversed(costs[1:]), min))[::-1]


def _ratio(a: float, b: float) -> float:
    return a / b if b > 0 else math.inf


def foreseen(machine: Machine, stretches: Sequence[Stretch]) -> tuple[list[Stretch], int]:
    """As much of it as matters where the machine is much faster than speech; else the first MOST_FORESEEN tokens. And
    how many come behind it."""
    left, seen = machine.foresight if machine.is_fast else MOST_FORESEEN, list[Stretch]()
    for stretch in stretches:
        if left <= 0:
            break
        seen.append(stretch._replace(coming=min(stretch.coming, max(0, left - stretch.waiting))))
        left -= stretch.total
    return seen, sum(stretch.total for stretch in stretches) - sum(stretch.total for stretch in seen)


def latest(machine: Machine, stretches: Sequence[Stretch], from_s: float) -> float:
    """The lateness of all of it for a listener whose audio lasts until `from_s`. A long text takes no longer to foresee
    than a short one: what is behind MOST_FORESEEN tokens comes at the pace of the machine's slowest stage."""
    seen, behind = foreseen(machine, stretches)
    ready, durations = windows(machine, seen)
    late_s = lateness(ready, durations, from_s)
    if behind and ready:
        at_end_s = ready[-1] - from_s - sum(durations[:-1])
        late_s = max(late_s, at_end_s + behind * (machine.pace_s - machine.audio_s))
    return late_s


def windows(machine: Machine, stretches: Sequence[Stretch], first: int = 0) -> tuple[list[float], list[float]]:
    """When the coming chunks will be ready, from now, and what they last, if the flow takes what is there when it is
    free: a first window of `first` tokens (0: no special one), then up to `largest`."""
    ready: list[float] = []
    durations: list[float] = []
    t3_s = free_s = 0.0  # when T3 begins to draw the segment's coming tokens; when the flow is free,
    done_s = 0.0  # and the vocoder
    for index, stretch in enumerate(stretches):
        total, spoken, begins_at = stretch.waiting + stretch.coming, 0, len(ready)
        stop_s = t3_s + (stretch.coming + 1) * machine.token_s if stretch.coming else 0.0
        while spoken < total:
            is_first = not ready and first > 0
            least = first if is_first else 1
            needed = spoken + least + machine.least_lookahead - stretch.waiting  # of the coming tokens
            complete = needed > stretch.coming
            at = stop_s if complete else t3_s + needed * machine.token_s if needed > 0 else 0.0
            free_s = max(free_s, at)
            size = min(machine.largest, total - spoken)
            if free_s < stop_s:
                drawn = int((free_s - t3_s) / machine.token_s + 1e-9) if machine.token_s else stretch.coming
                size = max(least, min(size, stretch.waiting + max(0, drawn) - machine.least_lookahead - spoken))
            size = min(size, total - spoken)
            free_s += machine.flow_s(size)
            done_s = max(done_s, free_s) + machine.vocoder_s(size)
            spoken += size
            ready.append(done_s)
            durations.append(size * machine.audio_s)
        if total:
            durations[begins_at] -= 0.0 if stretch.begun else machine.held_back_s
            durations[-1] += machine.held_back_s + (machine.pause_s if index < len(stretches) - 1 else 0.0)
        t3_s = stop_s + machine.begin_s if stretch.coming else t3_s
    return ready, durations


def reserve(machine: Machine, stretch: Stretch, first: int = 0, slack_s: float = 0.0) -> tuple[float, float]:
    """When the first chunk of `windows(machine, [stretch], first)` is ready, and until when the audio before must last
    for every later chunk to be ready `slack_s` before its turn. Worked out once for a machine."""
    key = (stretch, first, slack_s)
    if (known := machine.reserves.get(key)) is None:
        if len(machine.reserves) == REMEMBERED:
            machine.reserves.clear()
        known = machine.reserves[key] = _reserve(machine, stretch, first, slack_s)
    return known


def _reserve(machine: Machine, stretch: Stretch, first: int, slack_s: float) -> tuple[float, float]:
    """As `windows` has it, but nothing is kept of a window: this is asked for many sizes and many listeners."""
    token_s, audio_s, largest, lookahead = machine.token_s, machine.audio_s, machine.largest, machine.least_lookahead
    flow_s, vocoder_s, waiting, coming = machine.flow_s, machine.vocoder_s, stretch.waiting, stretch.coming
    total, spoken, least = waiting + coming, 0, first or 1
    stop_s = (coming + 1) * token_s if coming else 0.0
    free_s = done_s = 0.0
    first_s, needed_s, lasts_s = 0.0, -math.inf, 0.0 if stretch.begun else -machine.held_back_s
    # So much audio in hand is never used up again on a fast machine: a wait for T3, and two windows.
    safe_s = slack_s + (lookahead + 2) * token_s + 2 * machine.window_s(largest) if machine.is_fast else math.inf
    while spoken < total:
        needed = spoken + least + lookahead - waiting
        at = stop_s if needed > coming else needed * token_s if needed > 0 else 0.0
        free_s = max(free_s, at)
        size = min(largest, total - spoken)
        if free_s < stop_s:
            drawn = int(free_s / token_s + 1e-9) if token_s else coming
            size = min(max(least, min(size, waiting + drawn - lookahead - spoken)), total - spoken)
        free_s += flow_s(size)
        done_s = max(done_s, free_s) + vocoder_s(size)
        if not spoken:
            first_s = needed_s = done_s
        else:
            needed_s = max(needed_s, done_s + slack_s - lasts_s)
        spoken += size
        lasts_s += size * audio_s
        least = 1
        if lasts_s - done_s > safe_s:
            break
    return first_s, needed_s


def first_window(machine: Machine, coming: int, least: int, slack_s: float = 0.0) -> int:
    """Tokens of the first window with which gap-free playback starts soonest, at least `least`, for `coming` tokens.

    Of sizes with which it starts about as soon, the smallest: its first sound is sooner. And then what more costs
    hardly any time: more sound is what a listener lives on when the machine stumbles. Every later chunk is to be ready
    `slack_s` before its turn."""
    if not coming:
        return least
    ready_s, best_s, best = math.inf, math.inf, least
    largest = max(least, min(machine.largest, coming))
    for size in (least, *(size for size in sizes.sizes(machine.largest) if least < size <= largest)):
        first_s, gapless_s = reserve(machine, Stretch(0, coming), size, slack_s)
        if gapless_s < ABOUT * best_s:
            ready_s, best_s, best = first_s, gapless_s, size
        elif first_s <= ready_s + CUSHION_S:
            best = size
        elif gapless_s <= first_s:  # larger ones only start later
            break
    return best
