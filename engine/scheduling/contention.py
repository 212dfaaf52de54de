"""Who else wants the flow: what the size of one utterance's window depends on besides its own listener."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.playback import Machine
from engine.scheduling.running import Running

FIRST_WITHIN_NS = 200_000_000  # an utterance's first audio, from when T3 takes it up, if others are short of time


def due_ns(running: Running) -> int:
    """When its listener runs out. Who has heard nothing yet waits a little rather than break the sound of others."""
    return running.runs_out_ns or running.begun_ns + FIRST_WITHIN_NS


@dataclass(frozen=True)
class Contention:
    """All whose next window the flow could run, at one moment."""

    machine: Machine
    now: int
    deadlines_ns: list[int]  # when their listeners run out, in order
    turn_s: float  # that a short window takes
    horizon_ns: int  # by when each could have been given a full window

    @staticmethod
    def of(utterances: Iterable[Running], now: int, machine: Machine, least: int) -> Contention:
        deadlines_ns = sorted(due_ns(running) for running in utterances)
        horizon_ns = now + round(len(deadlines_ns) * machine.window_s(machine.largest) * NS_PER_S)
        return Contention(machine, now, deadlines_ns, machine.window_s(least), horizon_ns)

    def before(self, due_ns: int) -> int:
        return bisect_left(self.deadlines_ns, due_ns)

    def urgent_besides(self, due_ns: int) -> int:
        """How many others run out within the horizon."""
        return bisect_left(self.deadlines_ns, self.horizon_ns) - (due_ns < self.horizon_ns)

    def spare_s(self, due_ns: int) -> float:
        """How long one may take before another is late, if all others take short turns then."""
        own = bisect_left(self.deadlines_ns, due_ns)
        others = self.deadlines_ns[:own] + self.deadlines_ns[own + 1 :]
        spares = ((due - self.now) / NS_PER_S - turn * self.turn_s for turn, due in enumerate(others, 1))
        return min(spares, default=math.inf)
