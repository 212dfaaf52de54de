"""Who may stay connected: so many at once, and only those that ask for something soon.

HTTP lets a client connect and say nothing; a thousand that do would keep all others out.
"""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from aiohttp import web

MAX_CONNECTIONS = 1000
FIRST_REQUEST_S = 15.0  # that a new connection may take to send the head of its first request

_log = logging.getLogger(__name__)

_Protocol = web.RequestHandler


class Connections:
    def __init__(self, *, limit: int = MAX_CONNECTIONS, first_request_s: float = FIRST_REQUEST_S) -> None:
        self._limit = limit
        self._first_request_s = first_request_s
        self._silent: dict[_Protocol, asyncio.TimerHandle] = {}

    def protocol(self, server: web.Server) -> asyncio.Protocol:
        """Of a new connection."""
        if len(server.connections) >= self._limit:
            _log.warning("%d connections are open, which is the limit; another one is closed", self._limit)
            return _Closing()
        protocol = server()
        give_up_later = asyncio.get_running_loop().call_later
        self._silent[protocol] = give_up_later(self._first_request_s, self._give_up, protocol)
        return protocol

    def has_asked(self, request: web.BaseRequest) -> None:
        if timer := self._silent.pop(request.protocol, None):
            timer.cancel()

    def _give_up(self, protocol: _Protocol) -> None:
        del self._silent[protocol]
        if protocol.transport is not None:
            protocol.transport.abort()


class _Closing(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()
