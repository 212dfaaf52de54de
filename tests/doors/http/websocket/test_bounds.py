"""Tokens, slow pages, and too many sockets: who harms himself harms nobody else."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from gapless.client import Client, ServerBusy
from gapless.doors.aliases import Aliases
from gapless.doors.http.options import Options
from gapless.doors.http.server import serving
from gapless.doors.http.strangers import Strangers
from gapless.doors.http.websocket import conversation
from gapless.doors.http.websocket.conversation import Conversation
from gapless.doors.http.websocket.places import MAX_SOCKETS, Places
from gapless.doors.mistakes import Mistakes
from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from tests.doors.http.conftest import Open, open_door
from tests.doors.http.websocket.conftest import Socket, connected
from tests.service.conftest import serve_scripted

AT_ONCE = aiohttp.ClientWSTimeout(ws_close=0.1)


async def test_the_token_of_the_hello_goes_on_to_the_service(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    token = tokens.create(file, Caller(name="page", max_utterances=1))
    async with open_door(access=Access.of(AccessConfig(token_file=file), "127.0.0.1:0")) as door:
        for hello in ({}, {"token": "gapless_wrong"}):
            async with door.session.ws_connect(f"{door.url}/v1/websocket") as ws:
                socket = Socket(ws)
                await socket.send("hello", **hello)
                assert (await socket.hear())["error"]["code"] == "invalid_api_key"
                assert await socket.closed() == aiohttp.WSCloseCode.POLICY_VIOLATION
        assert door.engine.submitted == []
        async with connected(door, hello={"token": token}) as socket, connected(door, hello={"token": token}) as other:
            await socket.send("start", voice="slow")
            await socket.send("text", text="word " * 50)
            await socket.until("audio")
            await other.send("start")
            await other.send("text", text="Hello.")
            assert (await other.until("error"))[-1]["error"]["code"] == "rate_limit_exceeded"


async def test_a_page_that_reads_nothing_slows_only_itself() -> None:
    """Its speech stands still on the service, and the door holds little of it."""
    async with (
        open_door(channel_s=1.0) as door,
        door.session.ws_connect(f"{door.url}/v1/websocket", timeout=AT_ONCE) as stuck,
        connected(door) as neighbour,
    ):
        transport = stuck._response.connection.transport  # type: ignore[union-attr]
        transport.pause_reading()  # type: ignore[union-attr]
        for message in (
            {"type": "hello"},
            {"type": "start", "max_lead": 0.0},
            {"type": "text", "text": "word " * 4000},
        ):
            await stuck.send_str(json.dumps(message))
        async with asyncio.timeout(10):
            while not door.engine.submitted:
                await asyncio.sleep(0.01)
        for _ in range(3):
            assert (await neighbour.say("Hello there."))[-1]["type"] == "finished"
        async with asyncio.timeout(10):
            while door.engine.stats().samples_unreleased < 0.5 * 24_000:  # the service waits
                await asyncio.sleep(0.01)


async def test_a_page_that_is_gone_without_a_word_stops_its_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its network ended, and nothing closes the connection: it answers no ping."""
    monkeypatch.setattr(conversation, "PING_S", 0.4)
    async with (
        open_door(max_utterances=1) as door,
        door.session.ws_connect(f"{door.url}/v1/websocket", autoping=False, timeout=AT_ONCE) as gone,
    ):
        for message in ({"type": "hello"}, {"type": "start", "voice": "stuck"}, {"type": "text", "text": "word " * 9}):
            await gone.send_str(json.dumps(message))
        async with asyncio.timeout(10):
            while not door.engine.stats().utterances:
                await asyncio.sleep(0.01)
            while door.engine.stats().utterances:
                await asyncio.sleep(0.01)
        async with connected(door) as other:
            assert (await other.say("Hello."))[-1]["type"] == "finished"


async def test_so_many_sockets_and_the_neighbours_go_on(door: Open) -> None:
    """1,000 that say nothing keep nobody out; 200 that are pages are as many as there may be."""
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        url = f"{door.url}/v1/websocket"
        for _ in range(5):
            opened = await asyncio.gather(*(session.ws_connect(url, timeout=AT_ONCE) for _ in range(MAX_SOCKETS)))
            for ws in opened:
                stack.push_async_callback(ws.close)
        async with connected(door) as socket:
            assert (await socket.say("Hello."))[-1]["type"] == "finished"
        async with door.speak() as response:
            assert response.status == 200
            assert await response.read()


def test_places_are_those_of_pages_and_come_back() -> None:
    places = Places(2)
    left: list[str] = []
    with places.one(lambda: left.append("first")), places.one(lambda: left.append("second")) as greeted:
        greeted()
        with places.one(lambda: left.append("third")) as also_greeted:
            assert left == ["first"]
            also_greeted()
            with pytest.raises(ServerBusy), places.one(lambda: None):
                pass
    with places.one(lambda: None), places.one(lambda: None):
        pass


async def test_more_pages_than_places_are_refused(door: Open) -> None:
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        for _ in range(MAX_SOCKETS):
            await stack.enter_async_context(connected(replace(door, session=session), timeout=AT_ONCE))
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await door.session.ws_connect(f"{door.url}/v1/websocket")
        assert refused.value.status == 429
        async with door.speak() as response:
            assert await response.read()


async def test_who_says_nothing_is_sent_away(door: Open) -> None:
    """At once here: first without a hello, then after it."""

    async def handle(request: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
        ws = conversation.socket()
        await ws.prepare(request)
        async with Client(door.served.address) as client:
            held = Conversation(
                ws, client, Aliases(), Strangers(), Mistakes(), "127.0.0.1", lambda: None, hello_s=0.2, idle_s=0.3
            )
            await held.run()
        return ws

    server = aiohttp.web.Server(handle)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    for hello in (False, True):
        async with door.session.ws_connect(url) as ws:
            socket = Socket(ws)
            if hello:
                await socket.send("hello")
                assert (await socket.hear())["type"] == "ready"
            assert await socket.closed() == aiohttp.WSCloseCode.OK
    listener.close()
    await server.shutdown()


async def test_a_service_that_is_gone_is_told(door: Open) -> None:
    door.engine.close()
    async with connected(door) as socket:
        await socket.send("start")
        await socket.send("text", text="Hello.")
        assert (await socket.until("error"))[-1]["error"]["type"] == "server_error"


async def test_no_socket_keeps_the_door_from_shutting_down() -> None:
    """One that speaks ends first, one that does not is closed at once."""
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serve_scripted())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        async with serving(Options(address="127.0.0.1:0", service=served.address)) as port:
            door = Open(f"http://127.0.0.1:{port}", session, served)
            quiet = await stack.enter_async_context(connected(door))
            speaking = await stack.enter_async_context(connected(door))
            await speaking.send("start", voice="slow")
            await speaking.send("text", text="word word")
            await speaking.send("end")
            await speaking.until("audio")
            codes = asyncio.gather(quiet.closed(), _finished_and_closed(speaking))
        assert set(await codes) == {aiohttp.WSCloseCode.GOING_AWAY}


async def _finished_and_closed(socket: Socket) -> int | None:
    assert (await socket.until("finished"))[-1]["stopped"] is False
    return await socket.closed()
