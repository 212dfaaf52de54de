"""Several gRPC servers on one port, as one.

A server of grpc.aio begins the calls of all its connections one after the other, in the order in which they came, and
each takes a few turns of the event loop. This is head-of-line blocking: a call behind two hundred calls of another
connection waits a tenth of a second and more, before our code can tell the two apart. So the kernel distributes the
connections among several servers (SO_REUSEPORT), and each of them begins a call in each turn of the loop.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

import grpc

SERVERS = 8


def how_many(address: str) -> int:
    """Servers that `address` is worth: only Linux deals connections out, and a file is no port to be shared."""
    return SERVERS if sys.platform == "linux" and not address.startswith("unix:") else 1


class ServerGroup:
    """Made inside a running event loop. The port is shared by nobody else in silence."""

    def __init__(
        self, options: Sequence[tuple[str, int]], interceptors: Sequence[grpc.aio.ServerInterceptor], count: int
    ) -> None:
        options = [*options, ("grpc.so_reuseport", int(count > 1))]
        self._servers = [grpc.aio.server(options=options, interceptors=interceptors) for _ in range(count)]
        self._started = False

    def add_port(self, add: Callable[[grpc.aio.Server, str], int], address: str) -> int:
        """Binds all to `address` by `add`. Raises RuntimeError, as gRPC does, for one that cannot be listened on."""
        first, *others = self._servers
        if others and _is_taken(address):
            raise RuntimeError(f"{address} is in use")
        port = add(first, address)
        for server in others:
            add(server, f"{address.rpartition(':')[0]}:{port}")
        return port

    async def start(self) -> None:
        self._started = True
        await asyncio.gather(*(server.start() for server in self._servers))

    async def stop(self, grace_s: float) -> None:
        await asyncio.gather(*(server.stop(grace_s) for server in self._servers))

    @property
    def to_generated_code(self) -> grpc.aio.Server:
        """What handlers are added to: of a server it has only the methods that follow."""
        return cast(grpc.aio.Server, self)

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        for server in self._servers:
            server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """gRPC would warn of it once a server has started; it finds the handlers without."""
        if not self._started:
            for server in self._servers:
                server.add_registered_method_handlers(service, handlers)


def in_plain_text(server: grpc.aio.Server, address: str) -> int:
    """Binds `server` without TLS."""
    return server.add_insecure_port(address)


def _is_taken(address: str) -> bool:
    """Whether somebody listens on the port. What cannot be told now, gRPC tells."""
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, where in found:
            with socket.socket(family, kind, protocol) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(where)
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False
