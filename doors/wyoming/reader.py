"""What a connection may send: events of a bounded size, and some sign of life while nothing is spoken.

`wyoming` reads as many bytes as a line of JSON announces; a line that announces a gigabyte ends the connection here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MAX_PART_BYTES = 1 << 20  # of an event's data, or payload
SILENCE_S = 60.0


class BoundedReader(asyncio.StreamReader):
    """Stands in for `reader`. An end of the connection, whatever its kind, is an end of the stream to `wyoming`.

    `ended`: between two events, by the client or by its silence. `wyoming` reads what is no event as an end, too."""

    def __init__(self, reader: asyncio.StreamReader, is_speaking: Callable[[], bool]) -> None:
        super().__init__()
        self.ended = False
        self._reader = reader
        self._is_speaking = is_speaking

    async def readline(self) -> bytes:
        line = await self._line()
        self.ended = not line
        return line

    async def _line(self) -> bytes:
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    return await self._reader.readline()
            except TimeoutError:
                if not self._is_speaking():
                    return b""
            except ConnectionError:
                return b""

    async def readexactly(self, n: int) -> bytes:
        """Raises ValueError, which ends the connection."""
        if n > MAX_PART_BYTES:
            raise ValueError(f"an event with a part of {n} bytes")
        try:
            async with asyncio.timeout(SILENCE_S):
                return await self._reader.readexactly(n)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            raise ValueError("the connection ended in the middle of an event") from None

    def feed_eof(self) -> None:
        self._reader.feed_eof()
