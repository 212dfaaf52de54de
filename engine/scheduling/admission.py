"""Who is let in: as many as there are places, and whoever comes when another one is about to end.

Who finds no place has the next one kept for a while, from callers who hold more of them. And where places follow what
is seen, the last one is not given to a caller who holds half of them already: his utterances may last for hours.

Touched with the scheduler's lock held.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Sequence

from engine.errors import Overloaded
from engine.messages import Usage
from engine.scheduling import fitting
from engine.scheduling.deadlines import NS_PER_S, Deadlines
from engine.scheduling.estimates import Estimates
from engine.scheduling.places import Look, Places
from engine.scheduling.running import RunningUtterance

log = logging.getLogger(__name__)

ENDING_TOKENS = 5  # to be spoken of an utterance that makes room for the next one already
KEPT_S = 0.5  # longer than a refused caller was told to wait, a place is kept for him
LEAST_SHARED = 3  # places: of these the last one is for who holds less than half of them
MOST_WAITING = 64  # callers that are remembered, the last ones that were refused


class Admission:
    def __init__(self, places: Places, deadlines: Deadlines, estimates: Estimates, *, vocoder_apart: bool) -> None:
        """`vocoder_apart`: it has a thread of its own; else it is the flow's."""
        self._places = places
        self._deadlines = deadlines
        self._estimates = estimates
        self._vocoder_apart = vocoder_apart
        self._asked = False  # a place was wanted since the last look, and there was none
        self._waiting: OrderedDict[str, float] = OrderedDict()  # callers who were refused, until when they may come

    def check(self, running: Sequence[RunningUtterance], caller: str, now: int) -> None:
        """Raises Overloaded where one more of `caller`, besides those who run, has no place."""
        kept = self._is_kept(running, caller, now / NS_PER_S)
        if self._has_place(running, kept):
            self._waiting.pop(caller, None)
            return
        self._asked = True
        retry_after_s = self._retry_after_s(running)
        self._waiting[caller] = now / NS_PER_S + retry_after_s + KEPT_S
        self._waiting.move_to_end(caller)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
        why = ", which is what the machine can do just now" if len(running) < self._places.number else ""
        if kept and len(running) < self._places.open:
            why = ", and the next place is kept for a caller who holds fewer of them"
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

    def _is_kept(self, running: Sequence[RunningUtterance], caller: str, now_s: float) -> bool:
        """Whether one place is kept from `caller`: since somebody waits who holds less, or since it is the last one and
        all others could be his. The last one is not kept where places were asked for by number."""
        held = Counter(one.request.caller for one in running)
        if any(until_s > now_s and held[other] < held[caller] for other, until_s in self._waiting.items()):
            return True
        has_most = 2 * held[caller] >= self._places.open >= LEAST_SHARED
        return bool(caller) and has_most and self._places.follows

    def _has_place(self, running: Sequence[RunningUtterance], kept: bool) -> bool:
        """One of those that are open may be `kept` for another. Who is about to end leaves a place free, as far as
        there is memory."""
        if len(running) + kept < self._places.open:
            return True
        if len(running) + kept >= self._places.most or not self._places.follows:
            return False
        return sum(not self._is_ending(one) for one in running) + kept < self._places.open

    def _is_ending(self, running: RunningUtterance) -> bool:
        rest = self._rest(running)
        return not rest.is_open and rest.tokens <= ENDING_TOKENS

    def _retry_after_s(self, running: Sequence[RunningUtterance]) -> float:
        machine = self._deadlines.machine
        shares_s = (machine.flow_s(machine.largest), machine.vocoder_s(machine.largest))  # they take turns in these
        token_s = max(machine.token_s, *(len(running) * share_s / machine.largest for share_s in shares_s))
        return fitting.retry_after_s([self._rest(one) for one in running], token_s, machine.audio_s)

    def _rest(self, running: RunningUtterance) -> fitting.Rest:
        drawing = self._deadlines.coming(running.decoding) if running.decoding else 0
        text = self._estimates.tokens_per_char.value * (sum(running.chars_ahead) + running.segmenter.chars_waiting)
        return fitting.Rest(
            tokens=running.ledger.waiting + running.tokens_in_vocoder + drawing + text,
            is_open=not running.input_complete,
            in_real_time=running.channel_full,
        )
