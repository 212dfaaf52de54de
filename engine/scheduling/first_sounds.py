"""Which utterances T3 works for while a listener has heard nothing yet.

On a CPU T3's steps take longer the more rows they have, and longer with the texts that are prefilled between them. So
while T3 works for a first sound, two kinds of rows stay out of its steps: those whose listeners have enough ahead, and
those that have not been heard either and are due later. This is done where measured step times say that few rows take
much less time. Beside a GPU a step's time grows with its rows only by Python's work for each; most of it is the same
for any number of rows, so more steps with fewer rows would delay everybody.
Touched with the scheduler's lock held.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.scheduling.config import SchedulerConfig
from engine.scheduling.contention import FIRST_WITHIN_NS, due_ns
from engine.scheduling.deadlines import NS_PER_S, Deadlines
from engine.scheduling.estimates import Estimates
from engine.scheduling.running import RunningUtterance
from engine.scheduling.windows import COMFORT_S

MUCH_LESS = 0.75  # times as long as a step of all rows, one of some of them takes: then it is worth more steps
MANY = 8  # rows: where a step of one takes much less, those of others are felt


class FirstSounds:
    def __init__(self, config: SchedulerConfig, deadlines: Deadlines, estimates: Estimates) -> None:
        self.config = config
        self._deadlines = deadlines
        self._estimates = estimates

    def may_feed(self, one: RunningUtterance, stepping: Sequence[RunningUtterance], now: int) -> bool:
        """Whether its text may be run between the steps of those `stepping`."""
        silent = (other for other in stepping if not other.runs_out_ns)
        if one.runs_out_ns:
            return one.runs_out_ns < now + COMFORT_S * NS_PER_S or not any(silent)
        if not self._costs_much_less(1, MANY):
            return True
        turn = turn_ns(one, now)
        return not any(self._wants_tokens(other) and turn_ns(other, now) < turn for other in silent)

    def beside(
        self, stepping: Sequence[RunningUtterance], feeding: RunningUtterance | None, now: int
    ) -> list[RunningUtterance]:
        """Those of the `stepping` who step now, beside the next piece of the text of `feeding`."""
        texts = [feeding] if feeding is not None else []
        silent = (one for one in (*stepping, *texts) if not one.runs_out_ns and self._wants_tokens(one))
        first = min(silent, key=lambda one: turn_ns(one, now), default=None)
        if first is None:
            return list(stepping)
        turn, comfortable_ns = turn_ns(first, now), now + round(COMFORT_S * NS_PER_S)

        def steps(one: RunningUtterance) -> bool:
            if one.runs_out_ns:
                waiting_ns = round(one.ledger.waiting * one.timing.token_s * NS_PER_S)
                return one.runs_out_ns + waiting_ns <= comfortable_ns
            return turn_ns(one, now) <= turn

        if not self._costs_much_less(1, len(stepping)):
            return list(stepping) if any(map(steps, stepping)) else []
        few = list(filter(steps, stepping))
        return few if not few or self._costs_much_less(len(few), len(stepping)) else list(stepping)

    def _wants_tokens(self, running: RunningUtterance) -> bool:
        """Whether T3 has not drawn enough for its first window: one more than the flow asked for, who looks at these
        meanwhile, and may want another."""
        timing = running.timing
        enough = max(timing.least_first + timing.lookahead, running.tokens_wanted)
        return not running.n_windows and running.ledger.waiting <= enough

    def _costs_much_less(self, few: int, many: int) -> bool:
        step_s = self._estimates.step_s
        return self.config.few_rows_cost_less and step_s.is_known and step_s(few) <= MUCH_LESS * step_s(many)


def due_from_now_ns(running: RunningUtterance, now: int) -> int:
    """When it is due; one that begins only now, from now on."""
    return due_ns(running) + (0 if running.begun_ns or running.runs_out_ns else now)


def turn_ns(running: RunningUtterance, now: int) -> int:
    """Whose turn it is of those who have heard nothing: when it would be due if nobody listened."""
    return (running.begun_ns or now) + FIRST_WITHIN_NS + running.behind_ns
