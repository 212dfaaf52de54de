"""What engine processes did in all, those that are gone included. Any thread may ask."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from engine.messages import Usage, total
from service.engines.remote import Remote

MOST_GONE = 64  # processes whose work is remembered one by one, since they may only have been cut off


class WorkDone:
    def __init__(self) -> None:
        self._by_process: dict[str, Usage] = {}  # the latest seen last
        self._long_gone = Usage()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Processes that are remembered one by one."""
        return len(self._by_process)

    def see(self, engines: Sequence[Remote]) -> Usage:
        """With what these say now."""
        with self._lock:
            for engine in engines:
                if engine.instance:
                    before = self._by_process.pop(engine.instance, Usage())
                    self._by_process[engine.instance] = max(engine.stats.done, before, key=lambda one: one.samples)
            while len(self) > len(engines) + MOST_GONE:
                oldest = next(iter(self._by_process))
                self._long_gone = total([self._long_gone, self._by_process.pop(oldest)])
            return total([self._long_gone, *self._by_process.values()])
