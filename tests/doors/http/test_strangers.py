"""Callers whom the service does not know yet do not keep those out whom it knows."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest

from gapless.client import ServerBusy
from gapless.doors.http.strangers import Strangers
from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from tests.doors.http.conftest import open_door


def test_strangers_have_so_many_places_and_the_known_have_all() -> None:
    strangers = Strangers(places=2)
    with strangers.request("known") as recognised:
        recognised()
    with ExitStack() as flood:
        for number in range(2):
            flood.enter_context(strangers.request(f"wrong {number}"))
        with pytest.raises(ServerBusy), strangers.request("wrong"):
            pass
        with strangers.request("known"):
            pass
    with strangers.request("wrong"):
        pass


async def test_a_flood_of_wrong_tokens_keeps_nobody_else_out(tmp_path: Path) -> None:
    """The service answers wrong tokens slowly and takes 250 calls of a connection, and the door has one."""
    file = tmp_path / "tokens.toml"
    right = {"Authorization": f"Bearer {tokens.create(file, Caller(name='agent'))}"}
    body = {"input": "Hello.", "voice": "anna"}
    async with open_door(access=Access.of(AccessConfig(token_file=file), "127.0.0.1:0")) as door:

        async def ask(headers: dict[str, str]) -> int:
            async with door.session.post(f"{door.url}/v1/audio/speech", headers=headers, json=body) as response:
                await response.read()
                return int(response.status)

        assert await ask(right) == 200
        connector = aiohttp.TCPConnector(limit=300)
        async with aiohttp.ClientSession(connector=connector) as flooding:

            async def flood(number: int) -> int:
                wrong = {"Authorization": f"Bearer wrong-{number}"}
                async with flooding.post(f"{door.url}/v1/audio/speech", headers=wrong, json=body) as response:
                    return int(response.status)

            attack = [asyncio.create_task(flood(number)) for number in range(280)]
            done: set[asyncio.Task[int]] = set()
            while len(done) < 30:  # more than the service answers at once
                done, _ = await asyncio.wait(attack, timeout=0.05)
            async with asyncio.timeout(3):
                assert await ask(right) == 200
            for task in attack:
                task.cancel()
            statuses = await asyncio.gather(*attack, return_exceptions=True)
    assert {status for status in statuses if isinstance(status, int)} == {401}
