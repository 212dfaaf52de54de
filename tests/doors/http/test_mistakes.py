"""A client whose requests cannot be served holds back itself, and nobody else who comes through this door."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from tests.doors.http.conftest import Open, open_door
from tests.doors.http.websocket.conftest import Socket

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is this machine on Linux")
EACH = 5  # one after the other, by each of those who ask at once
FLOOD = 60  # six times as many in all as the service answers of one connection at once


async def by_http(door: Open, flooding: aiohttp.ClientSession, answered: list[int]) -> None:
    for _ in range(EACH):
        body = {"input": "Hello.", "voice": "nobody"}
        async with flooding.post(f"{door.url}/v1/audio/speech", json=body) as response:
            answered.append(response.status)


async def by_socket(door: Open, flooding: aiohttp.ClientSession, answered: list[int]) -> None:
    async with flooding.ws_connect(f"{door.url}/v1/websocket") as ws:
        socket = Socket(ws)
        await socket.send("hello")
        for _ in range(EACH):
            await socket.send("start", voice="nobody")
            await socket.until("error")
            answered.append(400)


@pytest.mark.parametrize("ask", [by_http, by_socket])
async def test_a_flood_of_requests_that_cannot_be_served_delays_nobody_else(
    ask: Callable[[Open, aiohttp.ClientSession, list[int]], Coroutine[Any, Any, None]],
) -> None:
    """To the service a door is one connection: whoever else came through it waited for seconds."""
    connector = aiohttp.TCPConnector(limit=FLOOD, local_addr=("127.0.0.2", 0))
    answered: list[int] = []
    async with open_door() as door, aiohttp.ClientSession(connector=connector) as flooding:
        flood = [asyncio.create_task(ask(door, flooding, answered)) for _ in range(FLOOD)]
        await asyncio.sleep(2.0)
        began_s = time.monotonic()
        async with door.speak() as response:
            assert response.status == 200
            await response.content.readany()
            took_s = time.monotonic() - began_s
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
    assert took_s < 0.3
    assert set(answered) == {400}
    assert 20 <= len(answered) < 0.5 * EACH * FLOOD
