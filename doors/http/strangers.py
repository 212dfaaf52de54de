"""How many callers that the service has not recognised yet may ask at once.

To the service a door is one connection, and it answers wrong tokens slowly. Without a bound, a flood of them would hold
all calls of that connection, and nobody else's request would get one.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gapless.client import ServerBusy

_PLACES = 100  # of the 250 calls that a service takes of one connection
_REMEMBERED = 1_024  # tokens that the service took, the last ones that were shown


class Strangers:
    def __init__(self, places: int = _PLACES) -> None:
        self._left = places
        self._known: OrderedDict[bytes, None] = OrderedDict()

    @contextmanager
    def request(self, token: str | None) -> Iterator[Callable[[], None]]:
        """Around a request; what it gives is called when the service took the token. Raises ServerBusy."""
        digest = _digest(token)
        if digest in self._known:
            self._known.move_to_end(digest)
            yield lambda: None
            return
        if not self._left:
            raise ServerBusy("too many callers that the service does not know yet ask at once", retry_after_s=1.0)
        self._left -= 1
        try:
            yield lambda: self._recognise(digest)
        finally:
            self._left += 1

    def caller(self, token: str | None) -> str:
        """The name here of whoever shows a token that the service took; "" for everybody else."""
        digest = _digest(token)
        return digest.hex() if token and digest in self._known else ""

    def _recognise(self, digest: bytes) -> None:
        self._known[digest] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _digest(token: str | None) -> bytes:
    return hashlib.sha256((token or "").encode()).digest()
