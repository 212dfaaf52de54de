"""The only file that makes channels: one for an event loop, and one for a thread that waits for its answers."""

from __future__ import annotations

import grpc

_OPTIONS = [
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Without this the receive window grows to megabytes, minutes of speech that a stalled listener has "received".
    ("grpc.http2.bdp_probe", 0),
]
_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)  # else gRPC shares one connection among equal channels


def asyncio_channel(address: str) -> grpc.aio.Channel:
    """For the event loop that calls this, and for no other."""
    return grpc.aio.insecure_channel(address, options=_OPTIONS)


def blocking_channel(address: str) -> grpc.Channel:
    """Over a connection of its own, which audio on another one does not delay."""
    return grpc.insecure_channel(address, options=[_OWN_CONNECTION])
