"""Whose first sound has its turn: who has begun much of late lets those go first who have begun less.

Start-time fair queueing over real time: each utterance of a caller is worth EACH_NS, and one that comes before the
caller's last one has had that is in turn later. The order among one caller's utterances stays that in which they came,
and nobody waits where nobody else wants anything. Pure; touched with the scheduler's lock held.
"""

from __future__ import annotations

from collections import OrderedDict

EACH_NS = 300_000_000
MOST_NS = 3_000_000_000  # that anybody can be behind: what was begun long ago is forgotten
REMEMBERED = 1_024  # callers, the last ones that began


class Turns:
    def __init__(self) -> None:
        self._next_ns: OrderedDict[str, int] = OrderedDict()

    def take(self, caller: str, now: int) -> int:
        """When the utterance that this caller begins has its turn. Callers without a name cannot be told apart, and
        have it at once."""
        if not caller:
            return now
        turn = min(max(now, self._next_ns.pop(caller, 0)), now + MOST_NS)
        self._next_ns[caller] = turn + EACH_NS
        if len(self._next_ns) > REMEMBERED:
            self._next_ns.popitem(last=False)
        return turn
