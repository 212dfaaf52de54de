"""Messages so large that reading one may keep the event loop busy for milliseconds, as a hundred thousand fields do.

Those of one connection are read one after the other, half of the time: beside twenty of them, which came at once, the
clock of another connection was answered after 20 to 116 ms.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

LARGE_BYTES = 1 << 14  # a smaller one takes 0.15 ms at most
_REMEMBERED = 1_024  # connections, the last ones that sent one


@dataclass(frozen=True)
class Unread:
    """One that has come."""

    data: bytes
    deserialize: Callable[[bytes], Any]
    turns: Callable[[str], asyncio.Lock]

    async def read(self, peer: str) -> Any:
        """What `deserialize` gives, or raises, once it is the turn of this message of the connection `peer`."""
        async with self.turns(peer):
            began_s = time.perf_counter()
            try:
                return self.deserialize(self.data)
            finally:
                await asyncio.sleep(time.perf_counter() - began_s)


class LargeMessages:
    def __init__(self) -> None:
        @lru_cache(_REMEMBERED)
        def turns(_: str) -> asyncio.Lock:
            return asyncio.Lock()

        self._turns = turns

    def later(self, deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        """As `deserialize`, but for a large message it gives an Unread."""
        return partial(self._keep, deserialize)

    def _keep(self, deserialize: Callable[[bytes], Any], data: bytes) -> Any:
        return deserialize(data) if len(data) < LARGE_BYTES else Unread(data, deserialize, self._turns)
