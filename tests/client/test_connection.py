"""The connection: there before it is needed, and there again soon after the server is."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from client import Client, ServerUnreachable
from tests.client.fake_server import FakeServer

BACK_S = 4.0  # two seconds between attempts, a fifth more by gRPC's own dice, and a slow machine


async def state(client: Client) -> grpc.ChannelConnectivity:
    async def ask() -> grpc.ChannelConnectivity:
        return client._routes.channels[0].get_state()

    return await client.run_on_reader(ask())


async def until_ready(client: Client) -> None:
    async with asyncio.timeout(BACK_S):
        while await state(client) is not grpc.ChannelConnectivity.READY:
            await asyncio.sleep(0.01)


async def test_a_kept_connection_is_made_before_a_call_and_again_after_a_loss() -> None:
    with FakeServer() as server:
        client = Client(server.address)
        await client.open()
        assert await state(client) is grpc.ChannelConnectivity.IDLE
        await client.keep_connected()
        await client.keep_connected()  # once is enough
        await until_ready(client)
    try:
        with FakeServer(address=server.address) as again:
            await until_ready(client)
            assert [chunk async for chunk in client.say("Hello.")]
            assert again.requests
    finally:
        await client.close()
    assert not client._routes._keeping


async def test_a_server_that_was_gone_is_found_within_seconds() -> None:
    """By itself gRPC doubles its patience up to two minutes, and every call meanwhile fails."""
    with FakeServer() as server:
        client = Client(server.address)
        await client.open()
        await client.info()
    try:
        for _ in range(20):
            with pytest.raises(ServerUnreachable):
                await client.info()
            await asyncio.sleep(0.1)
        with FakeServer(address=server.address):
            async with asyncio.timeout(BACK_S):
                while True:
                    try:
                        await client.info()
                        break
                    except ServerUnreachable:
                        await asyncio.sleep(0.05)
    finally:
        await client.close()
