"""Which other utterances want the flow: the size of a window depends on them as well as on its own listener."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.playback import Machine
from engine.scheduling.running import RunningUtterance

BEHIND_NS = 200_000_000  # and so much later, at most, where listeners run out: for them it is no matter who begins much
FIRST_WITHIN_NS = 200_000_000  # an utterance's first audio, from when T3 takes it up, if others are short of time


def due_ns(running: RunningUtterance) -> int:
    """When its listener runs out of audio. A listener who has heard nothing yet waits, so that no other's audio breaks
    off, and waits longer if its caller begins more utterances than others do."""
    return running.runs_out_ns or running.begun_ns + FIRST_WITHIN_NS + min(running.behind_ns, BEHIND_NS)


class Contention:
    """All whose next window the flow could run, at one moment, in the order in which their listeners run out.

    What it says of each of them is worked out in one pass, once it is asked for, and then a matter of looking it up."""

    def __init__(self, deadlines_ns: Sequence[int], now: int, machine: Machine, least: int) -> None:
        """`deadlines_ns`: by `due_ns`, in order. A short turn is a window of `least` tokens."""
        self._now = now
        self._deadlines_ns = deadlines_ns
        self._turn_ns = round(machine.turn_s(least) * NS_PER_S)
        horizon_ns = now + round(len(deadlines_ns) * machine.turn_s(machine.largest) * NS_PER_S)
        self.urgent = bisect_left(deadlines_ns, horizon_ns)  # run out before each could have been given a full window

    @cached_property
    def _left_ns(self) -> list[int]:
        """The deadline of each, less the short turns before it."""
        turn_ns = self._turn_ns
        return [due - turns * turn_ns for turns, due in enumerate(self._deadlines_ns)]

    @cached_property
    def _least_before(self) -> list[float]:
        """Of the first 0, 1, 2, ... of them: the least of what is left."""
        return list(accumulate(self._left_ns, min, initial=math.inf))

    @cached_property
    def _least_behind(self) -> list[float]:
        """The same of those from 0, 1, 2, ... on."""
        return list(accumulate(reversed(self._left_ns), min, initial=math.inf))[::-1]

    def urgent_besides(self, order: int) -> int:
        """How many others than the one at place `order` are short of time."""
        return self.urgent - (order < self.urgent)

    def spare_s(self, order: int) -> float:
        """How long the utterance at place `order` may take before another is late, if all others then take short turns:
        first those in front of it, then those behind it, a turn sooner than if it took one itself."""
        before, behind = self._least_before[order] - self._turn_ns, self._least_behind[order + 1]
        return (min(before, behind) - self._now) / NS_PER_S
