"""How many WebSockets there may be at once, so that HTTP requests always find a connection.

When all places are taken, the socket that has waited longest with its hello makes room: a page says it at once, and so
sockets that say nothing keep no page out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gapless.client import ServerBusy

MAX_SOCKETS = 200  # of the door's connections, and of the 250 calls that a service takes of one connection


class Places:
    def __init__(self, places: int = MAX_SOCKETS) -> None:
        self._places = places
        self._taken = 0
        self._silent: dict[object, Callable[[], None]] = {}  # without a hello, the first that came first

    @contextmanager
    def one(self, give_up: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """Around a socket; what it gives is called after its hello. `give_up` makes it leave. Raises ServerBusy."""
        if self._taken >= self._places:
            self._make_room()
        socket = object()
        self._silent[socket] = give_up
        self._taken += 1
        try:
            yield lambda: self._greeted(socket)
        finally:
            self._greeted(socket)
            self._taken -= 1

    def _make_room(self) -> None:
        if not self._silent:
            raise ServerBusy("too many WebSockets are open", retry_after_s=5.0)
        self._silent.pop(next(iter(self._silent)))()

    def _greeted(self, socket: object) -> None:
        self._silent.pop(socket, None)
