"""How many utterances a server lets in, and how many run, as it says itself while callers speak."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from client import Client
from client.errors import ClientError

POLL_S = 0.25
WITHIN_S = 60.0  # that changes are counted in


@dataclass
class Places:
    """Instants are seconds since it was watched."""

    seen: list[tuple[float, int, int, str]] = field(default_factory=list)  # at, places, active, reason

    @property
    def changes(self) -> list[tuple[float, int, str]]:
        pairs = zip(self.seen, self.seen[1:], strict=False)
        return [(at, now, reason) for (_, before, _, _), (at, now, _, reason) in pairs if now != before]

    def between(self, since_s: float, until_s: float) -> list[int]:
        return [places for at, places, _, _ in self.seen if since_s <= at < until_s]

    @property
    def most_changes(self) -> int:
        """Within a minute."""
        instants = [at for at, _, _ in self.changes]
        return max((sum(begin <= at < begin + WITHIN_S for at in instants) for begin in instants), default=0)


@contextlib.asynccontextmanager
async def watched(client: Client) -> AsyncIterator[Places]:
    places, began_s = Places(), time.monotonic()

    async def look() -> None:
        while True:
            with contextlib.suppress(ClientError):
                info = await client.info()
                at_s, limit = time.monotonic() - began_s, info.limits.max_utterances
                places.seen.append((at_s, limit, info.active_utterances, info.max_utterances_reason))
            await asyncio.sleep(POLL_S)

    task = asyncio.create_task(look())
    try:
        yield places
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
