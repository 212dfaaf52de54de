"""How many WebSockets there may be at once, so that HTTP requests always find a connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gapless.client import ServerBusy

MAX_SOCKETS = 200  # of the door's connections, and of the 250 calls that a service takes of one connection


class Places:
    def __init__(self, places: int = MAX_SOCKETS) -> None:
        self._left = places

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises ServerBusy."""
        if not self._left:
            raise ServerBusy("too many WebSockets are open", retry_after_s=5.0)
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1
