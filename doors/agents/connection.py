"""One client for all turns of an agent: opened when it is first needed, kept connected, closed once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gapless.client import Client, Tls


class Connection:
    """For one event loop."""

    def __init__(self, address: str | Sequence[str], *, tls: Tls | bool = False, token: str | None = None) -> None:
        """Connects nowhere yet. Raises ClientError for a token that would be sent in plain text."""
        self._client = Client(address, tls=tls, token=token)
        self._is_open = False
        self._opening = asyncio.Lock()

    @property
    def address(self) -> str:
        return self._client.address

    async def open(self) -> Client:
        """Connects in the background; a server that is not there is met by the first utterance. Idempotent."""
        async with self._opening:
            if not self._is_open:
                await self._client.open()
                await self._client.keep_connected()
                self._is_open = True
        return self._client

    async def close(self) -> None:
        """Cancels what is spoken. Idempotent."""
        async with self._opening:
            self._is_open = False
            await self._client.close()
