"""A WebSocket to the door, as a page has one."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
from numpy.typing import NDArray

from tests.doors.http.conftest import Open

PATIENCE_S = 10.0


class Socket:
    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def send(self, kind: str, **fields: Any) -> None:
        await self.ws.send_str(json.dumps({"type": kind, **fields}))

    async def hear(self) -> dict[str, Any]:
        """The next message; of audio the head, with the samples in `data`."""
        message = await self.ws.receive(PATIENCE_S)
        if message.type is aiohttp.WSMsgType.BINARY:
            (length,) = struct.unpack_from("<I", message.data)
            head: dict[str, Any] = json.loads(message.data[4 : 4 + length])
            return head | {"data": message.data[4 + length :]}
        assert message.type is aiohttp.WSMsgType.TEXT, f"closed: {message}"
        told: dict[str, Any] = json.loads(message.data)
        return told

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """All messages up to the first of this kind."""
        heard = [await self.hear()]
        while heard[-1]["type"] != kind:
            heard.append(await self.hear())
        return heard

    async def closed(self) -> int | None:
        """The code it was closed with."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.ws.closed:
                await self.ws.receive()
        return self.ws.close_code

    async def say(self, *pieces: str, **fields: Any) -> list[dict[str, Any]]:
        """One utterance, all that is told of it."""
        await self.send("start", **fields)
        for piece in pieces:
            await self.send("text", text=piece)
        await self.send("end")
        return await self.until("finished")


def samples_of(heard: list[dict[str, Any]]) -> NDArray[np.int16]:
    return np.frombuffer(b"".join(one["data"] for one in heard if one["type"] == "audio"), np.int16)


@asynccontextmanager
async def connected(door: Open, *, hello: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[Socket]:
    """After its hello."""
    async with door.session.ws_connect(f"{door.url}/v1/websocket", max_msg_size=0, **options) as ws:
        socket = Socket(ws)
        await socket.send("hello", **(hello or {}))
        assert (await socket.hear())["type"] == "ready"
        yield socket
