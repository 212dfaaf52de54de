"""How often one client of a door is answered that its request cannot be served.

To the service a door is one connection, of which it answers mistakes seldom and lets later utterances wait for that.
One client's mistakes are not to be all clients' matter: each has less here than a connection has there, and its own
next requests wait. How many of one client's are under way is bounded until the service has taken them, because nobody
knows before which of them are mistakes.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from weakref import WeakValueDictionary

from gapless.client import InvalidArgument

from .listening.rates import Rates

AT_ONCE, PER_S = 20, 10.0  # of the 50, and 20 a second, that a service answers; as many may be undecided before


class Mistakes:
    """Used on one event loop."""

    def __init__(self, at_once: int = AT_ONCE, per_s: float = PER_S) -> None:
        self._at_once = at_once
        self._rates = Rates(per_s=per_s, burst=at_once)
        self._undecided: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def admit(self, client: str) -> Undecided:
        """The next request of this client, an address or whatever else tells it from others, once it is its turn."""
        places = self._undecided.setdefault(client, asyncio.Semaphore(self._at_once))
        await places.acquire()
        try:
            await self._rates.settle(client)
        except BaseException:
            places.release()
            raise
        return Undecided(client, self._rates, places)


class Undecided:
    """A request. `async with` around it sees how it ends; a mistake is told when it is paid. May be entered again."""

    def __init__(self, client: str, rates: Rates, places: asyncio.Semaphore) -> None:
        self._client, self._rates, self._places = client, rates, places
        self._is_decided = False

    def right(self) -> None:
        """The service took it. Idempotent."""
        if not self._is_decided:
            self._is_decided = True
            self._places.release()

    async def __aenter__(self) -> Undecided:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Who leaves before anybody knows counts, too: what he asked for may have been a mistake."""
        try:
            if not self._is_decided and isinstance(error, InvalidArgument | asyncio.CancelledError):
                wait_s = self._rates.take(self._client)
                if isinstance(error, InvalidArgument):
                    await asyncio.sleep(wait_s)
        finally:
            self.right()
