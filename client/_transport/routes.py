"""The servers of a client: one connection to each, and which of them it speaks with. On the reader's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc

from .._wire import Rpcs
from .channels import Target, asyncio_channel
from .warmth import keep_connected


class Routes:
    """`current` is the index of the server that answered last."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.current = 0
        self.closed = False
        self.channels: list[grpc.aio.Channel] = []
        self._targets = targets
        self._keeping: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._targets)

    async def open(self) -> None:
        """Connects to nobody yet. Raises ClientError."""
        self.channels = [asyncio_channel(target) for target in self._targets]
        self._rpcs = [Rpcs(channel) for channel in self.channels]

    def rpcs(self, index: int) -> Rpcs:
        return self._rpcs[index]

    async def keep_connected(self) -> None:
        if not self._keeping:
            self._keeping = [asyncio.create_task(keep_connected(channel)) for channel in self.channels]

    async def close(self) -> None:
        """Cancels what runs. Idempotent."""
        self.closed = True
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        self._keeping = []
        for channel in self.channels:
            await channel.close(None)
