"""A connection that is there before it is needed. On the loop of the channel.

gRPC by itself connects when a call asks for it, and when the connection is lost, again when the next call asks.
"""

from __future__ import annotations

import asyncio

import grpc

# gRPC's own watch of the state cannot be cancelled: it ends later, and calls a loop that may be closed by then.
_LOOK_INTERVAL_S = 0.2


async def keep_connected(channel: grpc.aio.Channel) -> None:
    """Connects, and connects again whenever the connection is lost, until it is cancelled."""
    while True:
        channel.get_state(try_to_connect=True)
        await asyncio.sleep(_LOOK_INTERVAL_S)
