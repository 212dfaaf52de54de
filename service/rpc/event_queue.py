"""The only file that crosses threads: what the engine's threads have to say, to the asyncio loop.

The queue needs no bound of its own: the engine bounds the audio that was not released, and all else is a few events.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from engine.messages import Event, Finished, Usage


@dataclass(frozen=True)
class Stopped:
    """The listener stopped listening: what waits is not sent any more."""

    usage: Usage  # what was done until then


def on_this_loop(call: Callable[[], None]) -> Callable[[], None]:
    """For other threads: has the running loop call `call`. After the loop has closed nobody is left to tell."""
    loop = asyncio.get_running_loop()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(call)

    return tell


class EventQueue:
    """Events of one utterance."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | Stopped] = asyncio.Queue()

    def sink(self, event: Event) -> None:
        """Called on the engine's threads. After the loop has closed nobody is left to tell."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    async def next(self) -> Event | Stopped:
        return await self._queue.get()

    def stop(self, done: Usage | None) -> None:
        """Called on the loop: drops what waits, so that the next event is `Stopped`. `done`: by an utterance that had
        not ended; for one that had, its end waits here and tells."""
        while not self._queue.empty():
            dropped = self._queue.get_nowait()
            if isinstance(dropped, Finished):
                done = dropped.usage
        self._queue.put_nowait(Stopped(done or Usage()))
