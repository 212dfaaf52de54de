"""What an engine says of one utterance, until the session has time for it.

The queue needs no bound of its own: the engine bounds the audio that was not released, and all else is a few events.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from engine.messages import Event, Finished, Usage


@dataclass(frozen=True)
class Stopped:
    """The listener stopped listening: what waits is not sent any more."""

    usage: Usage  # what was done until then


class EventQueue:
    """Events of one utterance. Used on the event loop only."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event | Stopped] = asyncio.Queue()

    def sink(self, event: Event) -> None:
        self._queue.put_nowait(event)

    async def next(self) -> Event | Stopped:
        return await self._queue.get()

    def stop(self, done: Usage | None) -> None:
        """Drops what waits, so that the next event is `Stopped`. `done`: by an utterance that had not ended; for one
        that had, its end waits here and tells."""
        while not self._queue.empty():
            dropped = self._queue.get_nowait()
            if isinstance(dropped, Finished):
                done = dropped.usage
        self._queue.put_nowait(Stopped(done or Usage()))
