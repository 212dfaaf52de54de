"""Several servers on one port: connections are dealt out among them, and nobody else shares the port in silence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from service.server_group import ServerGroup, how_many, in_plain_text

CONNECTIONS = 64
pytestmark = pytest.mark.skipif(how_many("127.0.0.1:0") == 1, reason="this system does not deal connections out")


class Count(grpc.aio.ServerInterceptor):
    """Of the servers, which is one for each group: it counts calls."""

    def __init__(self) -> None:
        self.calls = 0

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        self.calls += 1
        return await continuation(details)


@pytest.fixture
async def group() -> AsyncIterator[tuple[ServerGroup, Count, str]]:
    count = Count()
    group = ServerGroup([], [count], how_many("127.0.0.1:0"))
    port = group.add_port(in_plain_text, "127.0.0.1:0")
    await group.start()
    yield group, count, f"127.0.0.1:{port}"
    await group.stop(0.0)


async def ask(address: str, times: int) -> list[bytes]:
    """Each over a connection of its own."""
    answers = list[bytes]()
    for _ in range(times):
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            call: Any = channel.unary_unary("/test/Ask")
            answers.append(await call(b""))
    return answers


async def test_handlers_that_are_added_later_answer_on_every_connection(group: tuple[ServerGroup, Count, str]) -> None:
    async def answer(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        return b"here"

    handler = grpc.method_handlers_generic_handler("test", {"Ask": grpc.unary_unary_rpc_method_handler(answer)})
    servers, count, address = group
    servers.add_generic_rpc_handlers((handler,))
    assert await ask(address, CONNECTIONS) == [b"here"] * CONNECTIONS
    assert count.calls == CONNECTIONS


async def test_the_port_is_not_shared_with_another_group(group: tuple[ServerGroup, Count, str]) -> None:
    _, _, address = group
    other = ServerGroup([], [], how_many(address))
    with pytest.raises(RuntimeError, match="in use"):
        other.add_port(in_plain_text, address)


async def test_an_address_of_nobody_is_refused_as_grpc_refuses_it() -> None:
    group = ServerGroup([], [], how_many("127.0.0.1:0"))
    with pytest.raises(RuntimeError):
        group.add_port(in_plain_text, "no.such.host.invalid:50051")


def test_a_file_is_listened_on_by_one_server() -> None:
    assert how_many("unix:/tmp/gapless.sock") == 1
