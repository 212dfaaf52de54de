"""Fairness of first sounds: a caller who has begun many utterances of late is due later than one who has begun fewer.

Start-time fair queueing over real time: each utterance of a caller is worth EACH_NS. An utterance that comes before
this time of the caller's last one is over is due later by the rest of it. One caller's utterances keep their order, and
nobody waits where nobody else wants anything. Pure; touched with the scheduler's lock held.
"""

from __future__ import annotations

from collections import OrderedDict

EACH_NS = 300_000_000
REMEMBERED_NS = 3_000_000_000  # of what a caller has begun: what is more is forgotten
MOST_NS = 600_000_000  # behind: many callers may share a connection, and none of them is to wait much longer for that
REMEMBERED = 1_024  # callers, the last ones that began


class Turns:
    def __init__(self) -> None:
        self._next_ns: OrderedDict[str, int] = OrderedDict()

    def take(self, caller: str, now: int) -> int:
        """How far behind the utterance is that this caller begins. Callers without a name cannot be told apart, and
        are never behind."""
        if not caller:
            return 0
        turn = min(max(now, self._next_ns.pop(caller, 0)), now + REMEMBERED_NS)
        self._next_ns[caller] = turn + EACH_NS
        if len(self._next_ns) > REMEMBERED:
            self._next_ns.popitem(last=False)
        return min(turn - now, MOST_NS)
