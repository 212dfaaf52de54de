"""Whether the event loop still answers: the watchdog asks it, one question after the other."""

from __future__ import annotations

import asyncio
import contextlib

from engine.watchdog import Watched


class LoopWatch(Watched):
    """Made inside the running loop."""

    def __init__(self) -> None:
        super().__init__("the event loop", factor=0.0)
        self._loop = asyncio.get_running_loop()

    def grow_older(self, by_s: float) -> bool:
        if not self.works:
            self.begin()
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits for it any more
                self._loop.call_soon_threadsafe(self.end)
        return super().grow_older(by_s)
