"""Which other utterances want the flow: the size of a window depends on them as well as on its own listener."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.playback import Machine
from engine.scheduling.running import RunningUtterance

FIRST_WITHIN_NS = 200_000_000  # an utterance's first audio, from when T3 takes it up, if others are short of time


def due_ns(running: RunningUtterance) -> int:
    """When its listener runs out of audio. One who has heard nothing yet waits, so that no other's breaks."""
    return running.runs_out_ns or running.begun_ns + FIRST_WITHIN_NS


@dataclass(slots=True)
class Contention:
    """All whose next window the flow could run, at one moment, in the order in which their listeners run out.

    Made in one pass; what it says of each of them is then a matter of looking it up."""

    urgent: int  # how many run out before each could have been given a full window: the first so many
    _spares_before: list[float]  # the least spare time of the first 0, 1, 2, ... of them, if each takes a short turn
    _spares_behind: list[float]  # the same of those from 0, 1, 2, ... on, if one of those before them takes none

    @staticmethod
    def of(deadlines_ns: Sequence[int], now: int, machine: Machine, least: int) -> Contention:
        """`deadlines_ns`: by `due_ns`, in order. A short turn is a window of `least` tokens."""
        turn_s = machine.turn_s(least)
        horizon_ns = now + round(len(deadlines_ns) * machine.turn_s(machine.largest) * NS_PER_S)
        left_s = [(due - now) / NS_PER_S for due in deadlines_ns]
        before = [left - turn * turn_s for turn, left in enumerate(left_s, 1)]
        behind = [left - turn * turn_s for turn, left in enumerate(left_s)]
        return Contention(
            urgent=bisect_left(deadlines_ns, horizon_ns),
            _spares_before=list(accumulate(before, min, initial=math.inf)),
            _spares_behind=list(accumulate(reversed(behind), min, initial=math.inf))[::-1],
        )

    def urgent_besides(self, order: int) -> int:
        """How many others than the one at place `order` are short of time."""
        return self.urgent - (order < self.urgent)

    def spare_s(self, order: int) -> float:
        """How long the one at place `order` may take before another is late, if all others take short turns then."""
        return min(self._spares_before[order], self._spares_behind[order + 1])
