"""A cheap decision for a listener beside whom nobody is short of time: whether the next window is full, the last one,
or can wait.

Most decisions about most listeners are of this kind. They equal those of `deadline_window`, at a lower cost.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.scheduling.contention import Contention
from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.ledger import SegmentTokens
from engine.scheduling.playback import Machine
from engine.scheduling.running import RunningUtterance
from engine.scheduling.timing import Timing
from engine.scheduling.windows import COMFORT_S, SLACK_S, Window


class Glance:
    """The state of things at one moment, for all decisions that are taken then."""

    def __init__(
        self, machine: Machine, timing: Timing, now: int, deadlines_ns: Sequence[int], in_company: bool
    ) -> None:
        """`deadlines_ns`: in order. `in_company`: more than one utterance runs."""
        self.machine = machine
        self.now = now
        self.in_company = in_company
        self.contention = Contention(deadlines_ns, now, machine, timing.least_first)
        self.full = timing.largest + timing.lookahead  # tokens that a full window needs
        self._full = Window(n_new=timing.largest, lookahead=timing.lookahead, final=False)
        self._full_s = machine.window_s(timing.largest)
        self._turn_s = machine.turn_s(timing.largest)
        self._ahead_s = SLACK_S + self._full_s * (1 + in_company)  # a chunk is planned to be ready, and its window runs

    def window(self, running: RunningUtterance, segment: SegmentTokens, order: int) -> Window | float | None:
        """The full or last window of the one at place `order`, or for how long at least his next one can wait; None:
        that takes a closer look."""
        if not running.first_chunk_ns:
            return None
        lead_s = (running.runs_out_ns - self.now) / NS_PER_S  # and more, if there is something in the vocoder
        comfortable, waiting = lead_s > COMFORT_S, segment.waiting
        if urgent := self.contention.urgent_besides(order):
            spare_s = self.contention.spare_s(order)
            if comfortable and self.machine.window_s(min(waiting, self.machine.largest)) > spare_s:
                return lead_s - COMFORT_S
        if urgent and not comfortable:
            return None
        if segment.closed and waiting <= self.full:
            return Window(n_new=waiting, lookahead=0, final=True)
        if waiting >= self.full:
            return self._full
        left_s = lead_s - self._ahead_s - order * self._turn_s
        return left_s if left_s > 0 and running.segment_windows else None

    def lets_go_first(self, running: RunningUtterance, window: Window, order: int) -> bool:
        """Whether this is somebody's first window, and nobody is late for it."""
        if running.first_chunk_ns or not self.contention.urgent_besides(order):
            return False
        return self.machine.window_s(min(window.n_new, self.machine.largest)) <= self.contention.spare_s(order)
