"""The machine as the estimates describe it. Costs change with every measurement; machines do not.

Costs are rounded to steps of a few per cent, with hysteresis: a cost that has just left its step still counts as in it.
So results for a machine are reused after small changes, and when costs return to earlier values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from engine.scheduling import windows
from engine.scheduling.estimates import Estimates
from engine.scheduling.playback import Machine
from engine.scheduling.timing import Timing

STEP, BATCH_STEP = 0.06, 0.25  # of a cost, and of the size of batches, from one rounded value to the next
REMEMBERED = 64  # machines
STEPS = (STEP,) * 6 + (BATCH_STEP,) * 2
_LEAST_S = 1e-7  # of a cost: what is less is nothing


class Machines:
    def __init__(self, timing: Timing, estimates: Estimates) -> None:
        self._timing = timing
        self._estimates = estimates
        self._costs: tuple[float, ...] = ()
        self._rounded: tuple[float, ...] = ()
        self._known: dict[tuple[tuple[float, ...], bool, float], Machine] = {}

    def now(self, *, rescues: bool, pace: float = 1.0) -> Machine:
        """For who speaks at this `pace`. `rescues`: whether windows may do without some of their lookahead."""
        costs = self._now()
        if costs != self._costs:
            before = self._rounded or (0.0,) * len(costs)
            self._costs, self._rounded = costs, tuple(map(_rounded, costs, before, STEPS))
        key = self._rounded, rescues, pace
        if (machine := self._known.get(key)) is None:
            if len(self._known) == REMEMBERED:
                self._known.clear()
            machine = self._known[key] = self._made(rescues, pace)
        return machine

    def _now(self) -> tuple[float, ...]:
        """Everything that changes."""
        estimates, largest = self._estimates, self._timing.largest
        flow, vocoder = estimates.flow_s.line, estimates.vocoder_s.line
        return (
            estimates.token_s.value,
            estimates.begin_s.value,
            flow[0] + flow[1],
            flow[0] + flow[1] * largest,
            vocoder[0] + vocoder[1],
            vocoder[0] + vocoder[1] * largest,
            estimates.flow_batch.value,
            estimates.vocoder_batch.value,
        )

    def _made(self, rescues: bool, pace: float) -> Machine:
        timing = self._timing.at(pace)
        token_s, begin_s, flow_1, flow_n, vocoder_1, vocoder_n, flow_batch, vocoder_batch = self._rounded
        machine = Machine(
            token_s=token_s,
            begin_s=begin_s,
            flow_s=_table(flow_1, flow_n, timing.largest),
            vocoder_s=_table(vocoder_1, vocoder_n, timing.largest, pace),
            flow_batch=max(1.0, flow_batch),
            vocoder_batch=max(1.0, vocoder_batch),
            audio_s=timing.token_s,
            pause_s=timing.pause_samples / timing.sample_rate,
            held_back_s=timing.held_back_samples / timing.sample_rate,
            lookahead=timing.lookahead,
            largest=timing.largest,
        )
        return replace(machine, spare_lookahead=windows.spare_lookahead(machine)) if rescues else machine


def _table(of_one_s: float, of_largest_s: float, largest: int, pace: float = 1.0) -> Callable[[int], float]:
    """Seconds of 0 to `largest` tokens, on the line through what one and what the largest number of them costs; of work
    on what they sound like at this `pace`."""
    slope_s = max(0.0, of_largest_s - of_one_s) / max(1, largest - 1)
    fixed_s = max(0.0, of_one_s - slope_s)
    return [fixed_s + slope_s * tokens / pace for tokens in range(largest + 1)].__getitem__


def _rounded(cost: float, before: float, step: float) -> float:
    """A cost that has just left its step is still in it."""
    if before and abs(cost - before) <= step * before:
        return before
    return math.exp(round(math.log(cost) / step) * step) if cost > _LEAST_S else 0.0
