"""Connections that say nothing, and too many of them."""

from __future__ import annotations

import asyncio
import contextlib
import time

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from gapless.doors.http import app
from gapless.doors.http.connections import Connections
from tests.doors.http.conftest import Open


async def answer(connections: Connections, request: web.BaseRequest) -> web.Response:
    connections.has_asked(request)
    return web.Response(text="here")


class Listening:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def __aenter__(self) -> int:
        self._server = web.Server(lambda request: answer(self._connections, request))
        make = lambda: self._connections.protocol(self._server)  # noqa: E731
        self._listener = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        return int(self._listener.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        await self._server.shutdown()


async def test_who_says_nothing_is_sent_away() -> None:
    async with Listening(Connections(first_request_s=0.2)) as port:
        for said in (b"", b"GET / HTTP/1.1\r\nX-Slow: "):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            began_s = time.monotonic()
            async with asyncio.timeout(2):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
            assert time.monotonic() - began_s >= 0.15
            writer.close()


async def test_who_asked_may_stay() -> None:
    async with Listening(Connections(first_request_s=0.1)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for wait_s in (0.0, 0.3):
            await asyncio.sleep(wait_s)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_too_many_are_sent_away_and_the_others_stay() -> None:
    async with Listening(Connections(limit=2)) as port:
        kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(2):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        for reader, writer in kept:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
            writer.close()


async def test_a_body_that_will_be_too_large_is_refused_before_it_comes(door: Open) -> None:
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = ("POST /v1/audio/speech HTTP/1.1", "Host: x", "Content-Type: application/json", "Content-Length: 9999999")
    writer.write("\r\n".join((*lines, "", "")).encode())
    async with asyncio.timeout(2):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_a_client_that_left_before_its_answer_is_no_error() -> None:
    """The log would hold a page about each, and anybody can leave."""

    async def leave(request: web.Request) -> web.StreamResponse:
        raise ConnectionResetError("Cannot write to closing transport")

    assert (await app.border(make_mocked_request("GET", "/v1/websocket"), leave)).status == app.CLIENT_LEFT
