"""A connection that is there before it is needed. On the loop of the channel.

gRPC by itself connects when a call asks for it, and when the connection is lost, again when the next call asks.
"""

from __future__ import annotations

import grpc


async def keep_connected(channel: grpc.aio.Channel) -> None:
    """Connects, and connects again whenever the connection is lost, until it is cancelled or the channel closed."""
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.SHUTDOWN:
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
