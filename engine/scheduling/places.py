"""How many utterances are let in now: places follow what listeners get, and what the machine makes.

A measurement at start is a first guess (fitting.py). From then on places go down when chunks are delivered later than
planned, or when less audio is made than is heard: to what the machine would make if it worked all the time, and by half
at most. They go up while chunks are in time, places are asked for, and the threads have time to spare. The number of
places changes seldom; how many of them are open at the moment follows at once. Pure: observations go in, a number and
its reason come out. Instants and durations are seconds.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

LOOK_S = 0.25  # from one look to the next
LATE_S = 0.04  # before its turn: a chunk that is planned to be there a little sooner than this is late for its plan
IN_DANGER = 0.15  # share of the chunks that may be: a text may be odd, and a thread may wake late
LEAST_LATE = 3  # chunks: fewer may be one listener's
LEAST_CHUNKS = 8  # that are judged by, where so many came
PROMISED = 0.75  # of what the machine makes, in audio a second: what is not promised is for bunches of first windows
RECOVERS = 0.6  # of what it makes, while that is short: the rest fills the reserves of those who run
RISES_TO = 0.75  # of what it seems to make: few make less of it than many would, whose windows run together
LASTS = 0.85  # of the lesser of two measurements, one after the other: to more than there ever were
FALLS_TO = 0.75  # of the places at most: a smaller fall is none,
MOST_FALL = 0.5  # of them in one: what was made for callers who gave up is not seen
STILL_ENDING = 0.7  # times the places: while more run than there are, they fall again only to less than that
KNOWN = 0.7  # of the places that there were before they fell: a machine that seems to bear these bears all
SATURATED = 0.9  # of its time the busiest thread works: the machine makes what it can
HOLD_S = 1.0  # looked back at, to see whether that is less than is heard, before somebody is let in,
BEHIND_S = 3.0  # and before places go down: a dip is over by then
RESERVE_S, POOR = 1.5, 0.25  # of audio: where all but so many listeners have more, making less is no danger
AMPLE_S = 4.0  # where they have less, nobody is let in beyond what is promised
MADE_S = 1.5  # looked back at, at least, to see what is made: audio leaves in bunches
OPENED_PER_S = 1.5  # places, one after the other: the first moments of an utterance cost most
AT_ONCE_S = 0.5  # looked back at before places go down, or up to
AT_MOST_S = 2.0  # where few chunks come,
AT_LEISURE_S = 4.0  # and before they go up
REST_DOWN_S = 3.0  # from any change to the next one down: the last one has to show first
REST_UP_S = 5.0  # and to the next one up
APART_S, LATE_MEMORY_S = 6.0, 180.0  # falls that are closer are one, and are forgotten after so long
WORTH_IT = 1.15  # times the places: a smaller rise is none
MOST_GROWTH = 2.0  # times the places, in one rise: beyond that nothing is known
MOST_CHANGES, MOST_BEFORE_A_RISE, WITHIN_S = 6, 5, 60.0  # of places; the last one is kept for a fall


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is observed at one moment."""

    at_s: float
    running: int  # utterances
    slacks_s: Sequence[float]  # how long before its turn each chunk was delivered since the last look, but first ones
    made_s: float  # audio that was made since the start,
    busy_s: Sequence[float]  # and the work of each thread
    asked: bool = False  # a place was wanted since the last look, and there was none


class Places:
    """As many as there may be at `most`, whatever is seen, until a first guess was made.

    `number` is how many there are, and changes seldom; `open` is how many of them are given at the moment."""

    def __init__(self, most: int, reason: str) -> None:
        self.number = self.most = most
        self.reason = reason
        self.risen = self.fallen = 0  # how often
        self.follows = False  # what is seen
        self._open = float(most)  # of them, so many are given
        self._looks: deque[Look] = deque()
        self._changes: deque[float] = deque(maxlen=MOST_CHANGES)  # when,
        self._falls: list[tuple[float, int]] = []  # when they began to fall, and how many there were before
        self._fell_s = -math.inf  # when they last did

    @property
    def open(self) -> int:
        return int(self._open)

    def is_time(self, now_s: float) -> bool:
        """Whether to look again."""
        return self.follows and (not self._looks or now_s - self._looks[-1].at_s >= LOOK_S)

    def guess(self, number: int, reason: str) -> None:
        """What was measured while nobody was served. From here on they follow what is seen."""
        self.number, self.reason, self.follows = min(number, self.most), reason, True
        self._open = float(self.number)
        self._looks.clear()

    def see(self, look: Look) -> bool:
        """Whether places changed."""
        passed_s = look.at_s - self._looks[-1].at_s if self._looks else 0.0
        self._looks.append(look)
        while look.at_s - self._looks[0].at_s > 2 * (AT_LEISURE_S + LOOK_S):
            self._looks.popleft()
        opened = self._opened(look.at_s, passed_s)
        number, reason = self._fallen(look) or self._risen(look) or (self.number, self.reason)
        self._open = min(opened, number)
        if number == self.number:
            return False
        if number < self.number:
            if look.at_s - self._fell_s > APART_S:
                self._falls.append((look.at_s, self.number))
            self._fell_s = look.at_s
        self.risen, self.fallen = self.risen + (number > self.number), self.fallen + (number < self.number)
        self.number, self.reason = number, reason
        self._changes.append(look.at_s)
        return True

    def _opened(self, now_s: float, passed_s: float) -> float:
        """Fewer at once, while less is made than is heard; no more than are promised, while reserves are not ample; one
        more at a time, once more than enough is made."""
        share = PROMISED if self._open < self.number else 1.0
        if _are_late(self._recent(now_s)) or _falls_behind(self._since(now_s - HOLD_S), share):
            return max(1.0, min(self._open, RECOVERS * _capacity(self._lately(now_s))))
        if now_s - self._looks[0].at_s >= MADE_S and _falls_behind(self._since(now_s - MADE_S), PROMISED, AMPLE_S):
            return max(1.0, min(self._open, PROMISED * _capacity(self._lately(now_s))))
        return self._open + OPENED_PER_S * passed_s

    def _in_danger(self, now_s: float) -> bool:
        if now_s - self._looks[0].at_s < BEHIND_S - LOOK_S:
            return False
        looks = self._since(now_s - BEHIND_S)
        return _are_late(looks) or _falls_behind(looks)

    def _lately(self, now_s: float) -> list[Look]:
        """Looked back at, to see what is made."""
        return max(self._recent(now_s), self._since(now_s - MADE_S), key=len)

    def _fallen(self, look: Look) -> tuple[int, str] | None:
        if not self._in_danger(look.at_s) or not self._rested(look.at_s, REST_DOWN_S, MOST_CHANGES):
            return None
        lately = self._lately(look.at_s)
        left = self.number - int(MOST_FALL * self.number)
        number = max(1, min(self.number - 1, max(left, int(PROMISED * _capacity(lately)))))
        are_ending = any(one.running > self.number for one in self._since(look.at_s - MADE_S))
        if number > (STILL_ENDING if are_ending else FALLS_TO) * self.number:
            return None
        late, chunks = _late(self._since(look.at_s - BEHIND_S))
        made = f"{look.running} utterances got {_rate(lately):.1f} s of audio a second"
        return number, f"{made}, and {late} of {chunks} chunks were late for their plan"

    def _risen(self, look: Look) -> tuple[int, str] | None:
        recent = self._since(look.at_s - AT_LEISURE_S)
        if look.at_s - recent[0].at_s < AT_LEISURE_S - LOOK_S or _are_late(recent):
            return None
        if not any(one.asked or one.running >= self.number for one in recent):
            return None
        self._falls = [fall for fall in self._falls if look.at_s - fall[0] < LATE_MEMORY_S]
        if not self._rested(look.at_s, REST_UP_S, MOST_BEFORE_A_RISE):
            return None
        load, capacity = _load(recent), _capacity(recent)
        bears = int(RISES_TO * capacity)
        known = max((before for _, before in self._falls if bears >= KNOWN * before), default=0)
        number = min(self.most, int(MOST_GROWTH * self.number), bears)
        if number > known:  # more than there were of late: a good moment is not enough
            lasting = min(capacity, _capacity(before)) if (before := self._before(recent)) else 0.0
            number = min(number, int(LASTS * lasting))
        number = max(number, known)
        if number <= self.number or number < WORTH_IT * self.number:
            return None
        return number, f"chunks were in time, and the busiest thread worked {load:.0%} of the time"

    def _before(self, recent: Sequence[Look]) -> list[Look]:
        """As long a while before `recent`; none if that was not looked at."""
        since_s, until_s = recent[0].at_s - AT_LEISURE_S, recent[0].at_s
        looks = [look for look in self._looks if since_s <= look.at_s <= until_s]
        return looks if looks[-1].at_s - looks[0].at_s >= AT_LEISURE_S - 2 * LOOK_S else []

    def _recent(self, now_s: float) -> list[Look]:
        """As short a while as there were chunks enough to judge by."""
        since_s = AT_ONCE_S
        while since_s < AT_MOST_S and _late(self._since(now_s - since_s))[1] < LEAST_CHUNKS:
            since_s += LOOK_S
        return self._since(now_s - since_s)

    def _since(self, at_s: float) -> list[Look]:
        return [look for look in self._looks if look.at_s >= at_s]

    def _rested(self, now_s: float, rest_s: float, most: int) -> bool:
        if self._changes and now_s - self._changes[-1] < rest_s:
            return False
        return sum(now_s - at_s < WITHIN_S for at_s in self._changes) < most


def _late(looks: Sequence[Look]) -> tuple[int, int]:
    """How many chunks came later than planned, and how many there were."""
    slacks_s = [slack_s for look in looks[1:] for slack_s in look.slacks_s]  # the first look tells of before
    return sum(slack_s < LATE_S for slack_s in slacks_s), len(slacks_s)


def _are_late(looks: Sequence[Look]) -> bool:
    late, chunks = _late(looks)
    return late >= LEAST_LATE and late > IN_DANGER * chunks


def _falls_behind(looks: Sequence[Look], share: float = 1.0, reserve_s: float = RESERVE_S) -> bool:
    """Whether `share` of what is made is less than is heard, with no more than that in reserve, though the machine does
    what it can."""
    slacks_s = sorted(slack_s for look in looks[1:] for slack_s in look.slacks_s)
    if len(slacks_s) < LEAST_LATE or slacks_s[int(POOR * len(slacks_s))] > reserve_s:
        return False
    return _load(looks) >= SATURATED and share * _rate(looks) < min(look.running for look in looks)


def _rate(looks: Sequence[Look]) -> float:
    """Seconds of audio that are made in a second."""
    first, last = looks[0], looks[-1]
    return (last.made_s - first.made_s) / (last.at_s - first.at_s)


def _load(looks: Sequence[Look]) -> float:
    """The share of its time that the busiest thread worked."""
    first, last = looks[0], looks[-1]
    worked_s = max(after - before for before, after in zip(first.busy_s, last.busy_s, strict=True))
    return min(1.0, worked_s / (last.at_s - first.at_s))


def _capacity(looks: Sequence[Look]) -> float:
    """Seconds of audio that a second would make if the busiest thread worked all the time."""
    return _rate(looks) / max(0.05, _load(looks))
