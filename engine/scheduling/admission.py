"""Admission: as many utterances as there are places, and one more when another is about to end.

A caller who is refused waits for a turn: the next free place is kept for this caller for a while. It is kept from
callers who hold more places, who were admitted since the refusal, or who are new. Where places follow measurements, the
utterances of one caller count for three quarters of the places at most: they may last for hours, and others are
admitted beside them.

Touched with the scheduler's lock held.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.errors import Overloaded
from engine.messages import Usage
from engine.scheduling import fitting
from engine.scheduling.deadlines import NS_PER_S, Deadlines
from engine.scheduling.estimates import Estimates
from engine.scheduling.places import Look, Places
from engine.scheduling.running import RunningUtterance

log = logging.getLogger(__name__)

T = TypeVar("T")

ENDING_TOKENS = 5  # to be spoken of an utterance that makes room for the next one already
KEPT_S = 0.5  # longer than a refused caller was told to wait, a place is kept for him,
SOON_S = 1.0  # and from those who come anew not before so little of that is left
LEAST_SHARED = 2  # places: where there is one, two callers would be too many
FOR_OTHERS = 0.25  # of the places, but at least one, whatever one caller holds: he may have begun before they came
MOST_WAITING = 256  # callers that are remembered, the last ones that were refused,
MOST_LET_IN = 1_024  # and the last ones that were let in


@dataclass
class Wait:
    """Of a caller who was refused."""

    since_s: float  # the first time
    due_s: float  # when he was told to come again, the first time,
    until_s: float  # and the last time, and a little longer

    def is_nearly_over(self, now_s: float) -> bool:
        return self.due_s - now_s <= SOON_S


class Admission:
    def __init__(self, places: Places, deadlines: Deadlines, estimates: Estimates, *, vocoder_apart: bool) -> None:
        """`vocoder_apart`: it has a thread of its own; else it is the flow's."""
        self._places = places
        self._deadlines = deadlines
        self._estimates = estimates
        self._vocoder_apart = vocoder_apart
        self._asked = False  # a place was wanted since the last look, and there was none
        self._waiting: OrderedDict[str, Wait] = OrderedDict()
        self._let_in: OrderedDict[str, float] = OrderedDict()  # when each caller was, the last time

    def check(self, running: Sequence[RunningUtterance], caller: str, now: int) -> None:
        """Raises Overloaded where one more of `caller`, besides those who run, has no place."""
        now_s = now / NS_PER_S
        held = Counter(one.request.caller for one in running)
        kept, beyond = self._is_kept(held, caller, now_s), self._beyond(held, caller)
        if self._has_place(running, kept, beyond):
            self._waiting.pop(caller, None)
            _note(self._let_in, caller, now_s, MOST_LET_IN)
            return
        self._asked = True
        retry_after_s = self._retry_after_s(running)
        self._waits(caller, now_s, now_s + retry_after_s)
        why = ", which is what the machine can do just now" if len(running) < self._places.number else ""
        if kept and len(running) < self._places.open:
            why = ", and the next place is kept for a caller who waits for it"
        raise Overloaded(f"{len(running)} of {self._places.number} utterances are running{why}", retry_after_s)

    def is_time(self, now: int) -> bool:
        """Whether to look again."""
        return self._places.is_time(now / NS_PER_S)

    def look(self, now: int, running: int, done: Usage) -> None:
        """Sees whether there are too many utterances, or room for more. `done`: by all since the start."""
        flow_ns = done.flow_ns - (done.vocoder_ns if self._vocoder_apart else 0)
        look = Look(
            at_s=now / NS_PER_S,
            running=running,
            slacks_s=self._deadlines.take_slacks_s(),
            made_s=done.samples / self._deadlines.timing.sample_rate,
            busy_s=[busy_ns / NS_PER_S for busy_ns in (done.t3_ns, flow_ns, done.vocoder_ns)],
            asked=self._asked,
        )
        self._asked = False
        if self._places.see(look):
            log.info("up to %d utterances at once: %s", self._places.number, self._places.reason)

    def _waits(self, caller: str, now_s: float, due_s: float) -> None:
        """A caller who comes again before its turn keeps its place in the queue, as if it had waited all the time."""
        wait, before = Wait(now_s, due_s, due_s + KEPT_S), self._waiting.get(caller)
        if before is not None and before.until_s > now_s:
            wait = Wait(before.since_s, min(before.due_s, due_s), wait.until_s)
        _note(self._waiting, caller, wait, MOST_WAITING)

    def _is_kept(self, held: Counter[str], caller: str, now_s: float) -> bool:
        """Whether one place is kept from `caller`, since it is another one's turn."""
        let_in_s = self._let_in.get(caller, -math.inf)
        mine = self._waiting.get(caller)
        is_new = mine is None or mine.until_s <= now_s
        return any(
            held[other] < held[caller]
            or (held[other] == held[caller] and (wait.since_s < let_in_s or (is_new and wait.is_nearly_over(now_s))))
            for other, wait in self._waiting.items()
            if wait.until_s > now_s and other != caller
        )

    def _beyond(self, held: Counter[str], caller: str) -> int:
        """How many utterances of one other caller count for nothing: those in the share that is for others."""
        places = self._places
        if not places.follows or places.number < LEAST_SHARED:
            return 0
        most = max((count for other, count in held.items() if other and other != caller), default=0)
        return max(0, most - (places.open - max(1, int(FOR_OTHERS * places.open))))

    def _has_place(self, running: Sequence[RunningUtterance], kept: bool, beyond: int) -> bool:
        """One of the open places may be `kept` for another caller, and utterances `beyond` do not count. An utterance
        that is about to end counts as a free place, as far as there is memory."""
        if len(running) + kept >= self._places.most:
            return False
        if len(running) - beyond + kept < self._places.open:
            return True
        return self._places.follows and sum(not self._is_ending(one) for one in running) + kept < self._places.open

    def _is_ending(self, running: RunningUtterance) -> bool:
        rest = self._rest(running)
        return not rest.is_open and rest.tokens <= ENDING_TOKENS

    def _retry_after_s(self, running: Sequence[RunningUtterance]) -> float:
        machine = self._deadlines.machine
        shares_s = (machine.flow_s(machine.largest), machine.vocoder_s(machine.largest))  # they take turns in these
        token_s = max(machine.token_s, *(len(running) * share_s / machine.largest for share_s in shares_s))
        return fitting.retry_after_s([self._rest(one) for one in running], token_s)

    def _rest(self, running: RunningUtterance) -> fitting.Rest:
        drawing = self._deadlines.coming(running.decoding) if running.decoding else 0
        text = self._estimates.tokens_per_char.value * (sum(running.chars_ahead) + running.segmenter.chars_waiting)
        tokens = running.ledger.waiting + running.tokens_in_vocoder + drawing + text
        return fitting.Rest(
            tokens=tokens,
            lasts_s=tokens * running.timing.token_s,
            is_open=not running.input_complete,
            in_real_time=running.channel_full,
        )


def _note(noted: OrderedDict[str, T], caller: str, what: T, most: int) -> None:
    """Remembers it of the last `most` callers."""
    noted[caller] = what
    noted.move_to_end(caller)
    if len(noted) > most:
        noted.popitem(last=False)
