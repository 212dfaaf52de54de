"""A turn of an agent, without any framework: text in token by token, sound and timed text out, interrupted, refused,
tried again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from itertools import pairwise

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from gapless.client import (
    AccessDenied,
    Chunk,
    InvalidArgument,
    Options,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
    Started,
    TimedOut,
    TimedText,
)
from gapless.doors.agents import Connection, Turn, Unsaid
from gapless.doors.agents.turn import Spoken
from gapless.tts.v1 import tts_pb2 as pb
from tests.client.fake_server import FakeServer, Requests, Responses, abort, speak
from tests.fakes import speech_of_text
from tests.service.conftest import Serve

TOKENS = ["Hel", "lo", " there", ", it", " is", " 3:45", ". ", "Bye", "!"]
TEXT = "".join(TOKENS)
FREE_S = 0.05


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[str], Connection]]:
    opened: list[Connection] = []

    def connect(address: str, token: str | None = None) -> Connection:
        opened.append(Connection(address, token=token))
        return opened[-1]

    yield connect
    for connection in opened:
        await connection.close()


async def spoken_of(turn: Turn, tokens: list[str] = TOKENS, pause_s: float = 0.0) -> list[Spoken]:
    async def write() -> None:
        for token in tokens:
            turn.push(token)
            await asyncio.sleep(pause_s)
        turn.end()

    writing = asyncio.create_task(write())
    try:
        async with aclosing(turn.speak()) as spoken:
            return [event async for event in spoken]
    finally:
        writing.cancel()


def sound(spoken: list[Spoken]) -> bytes:
    return b"".join(event.data for event in spoken if isinstance(event, Chunk))


def text(spoken: list[Spoken]) -> str:
    return "".join(event.text for event in spoken if isinstance(event, TimedText))


@pytest.mark.parametrize("has_alignment", [True, False])
async def test_tokens_become_the_sound_and_the_text_of_one_utterance(
    serve: Serve, connect: Callable[[str], Connection], has_alignment: bool
) -> None:
    async with serve(has_alignment=has_alignment) as served:
        options: Options = {"voice": "anna", "seed": 7, "sample_rate": 24_000}
        spoken = await spoken_of(Turn(connect(served.address), options), pause_s=0.01)
        assert len(served.engine.submitted) == 1
    assert isinstance(spoken[0], Started)
    expected = speech_of_text(TEXT, seed=7, voice="anna")
    assert len(sound(spoken)) == 2 * len(expected)
    assert text(spoken) == TEXT
    words = [event for event in spoken if isinstance(event, TimedText)]
    assert [word.word.strip(",") for word in words][:4] == ["Hello", "there", "it", "is"]
    assert all(one.end_s <= other.start_s + 1e-6 for one, other in pairwise(words))


async def test_sound_comes_before_the_text_is_complete(serve: Serve, connect: Callable[[str], Connection]) -> None:
    async with serve() as served:
        turn = Turn(connect(served.address), {})
        turn.push("One two ")
        async with aclosing(turn.speak()) as spoken:
            assert isinstance(await anext(spoken), Started)
            assert isinstance(await anext(spoken), Chunk)
            turn.end()
            assert [event async for event in spoken]


@pytest.mark.parametrize("tokens", [[], [" ", "\n"]])
async def test_of_nothing_comes_nothing(connect: Callable[[str], Connection], tokens: list[str]) -> None:
    assert await spoken_of(Turn(connect("127.0.0.1:1"), {}), tokens) == []


async def test_what_cannot_be_spoken_is_a_silence(serve: Serve, connect: Callable[[str], Connection]) -> None:
    """An emoji must not cost an agent its voice."""
    async with serve() as served:
        spoken = await spoken_of(Turn(connect(served.address), {}), ["🙂", " ..."])
    assert [event for event in spoken if not isinstance(event, Started | TimedText)] == [Unsaid()]
    assert text(spoken) == "🙂 ..."


async def test_an_interruption_frees_the_engine_at_once(serve: Serve, connect: Callable[[str], Connection]) -> None:
    async with serve() as served:
        connection = connect(served.address)
        for _ in range(5):
            task = asyncio.create_task(spoken_of(Turn(connection, {"voice": "slow"}), ["word "] * 50, 0.01))
            await asyncio.sleep(0.2)
            assert served.engine.stats().utterances == 1
            task.cancel()
            began = time.monotonic()
            while served.engine.stats().utterances:
                await asyncio.sleep(0.001)
            assert time.monotonic() - began < FREE_S
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("voice", ["nobody", "broken"])
async def test_what_the_server_refuses_or_breaks_is_raised(
    serve: Serve, connect: Callable[[str], Connection], voice: str
) -> None:
    async with serve() as served:
        error = InvalidArgument if voice == "nobody" else ServerFailed
        with pytest.raises(error):
            await spoken_of(Turn(connect(served.address), {"voice": voice}, tries=3), ["some words that last. "] * 9)
        assert len(served.engine.submitted) <= 1


async def test_a_busy_server_is_tried_again_with_all_text(
    server: FakeServer, connect: Callable[[str], Connection]
) -> None:
    calls = 0

    def busy(requests: Requests, context: grpc.ServicerContext) -> Responses:
        nonlocal calls
        calls += 1
        if calls < 3:
            retry = error_details_pb2.RetryInfo(retry_delay=Duration(nanos=50_000_000))
            abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "full", retry)
        yield from speak(requests, context)

    server.script = busy
    assert sound(await spoken_of(Turn(connect(server.address), {}, tries=3)))
    texts = [request.text.text for request in server.requests if request.WhichOneof("event") == "text"]
    assert "".join(texts).endswith(TEXT)
    calls = 0
    with pytest.raises(ServerBusy):
        await spoken_of(Turn(connect(server.address), {}, tries=2))
    assert calls == 2


async def test_a_server_that_dies_in_the_middle_is_not_tried_again(connect: Callable[[str], Connection]) -> None:
    with FakeServer() as server:
        turn = Turn(connect(server.address), {}, tries=3)
        turn.push("A long sentence. " * 20)

        async def hear() -> None:
            async for event in turn.speak():
                if isinstance(event, Chunk) and event.seq == 1:
                    server.stop()

        with pytest.raises(ServerUnreachable):
            await hear()


async def test_nobody_there_is_told_after_all_tries(connect: Callable[[str], Connection]) -> None:
    began = time.monotonic()
    with pytest.raises(ServerUnreachable):
        await spoken_of(Turn(connect("127.0.0.1:1"), {}, tries=2))
    assert 0.1 <= time.monotonic() - began < 3


async def test_a_wrong_token(connect: Callable[..., Connection]) -> None:
    with FakeServer(token="right") as server, pytest.raises(AccessDenied):
        await spoken_of(Turn(connect(server.address, token="wrong"), {}, tries=3))


@pytest.mark.parametrize("accepts", [False, True])
async def test_a_silent_server_is_given_up(
    server: FakeServer, connect: Callable[[str], Connection], accepts: bool
) -> None:
    def silent(requests: Requests, context: grpc.ServicerContext) -> Responses:
        if accepts:
            yield pb.SynthesizeResponse(started=pb.Started(utterance_id="u"))
        while context.is_active():
            time.sleep(0.02)

    server.script = silent
    began = time.monotonic()
    with pytest.raises(TimedOut, match="does not answer"):
        await spoken_of(Turn(connect(server.address), {}, timeout_s=0.3))
    assert 0.25 < time.monotonic() - began < 2
    assert await asyncio.to_thread(server.stream_over.wait, 2)


async def test_a_language_model_may_take_longer_than_the_server_may(
    serve: Serve, connect: Callable[[str], Connection]
) -> None:
    async with serve() as served:
        turn = Turn(connect(served.address), {}, timeout_s=0.2)
        spoken = await spoken_of(turn, ["One", " two ", "three. "], pause_s=0.4)
    assert text(spoken) == "One two three. "


async def test_a_connection_opens_again_after_it_was_closed(server: FakeServer) -> None:
    connection = Connection(server.address)
    for _ in range(2):
        assert sound(await spoken_of(Turn(connection, {})))
        await connection.close()
        await connection.close()


async def test_a_server_that_was_away_between_turns_is_found_again(connect: Callable[[str], Connection]) -> None:
    with FakeServer() as server:
        connection = connect(server.address)
        assert sound(await spoken_of(Turn(connection, {})))
    await asyncio.sleep(0.3)
    with FakeServer(address=server.address):
        await asyncio.sleep(0.6)  # nobody waits for it: the connection is kept
        assert sound(await spoken_of(Turn(connection, {})))


@pytest.mark.parametrize("separator", [",", None])
async def test_of_several_servers_the_next_one_speaks_where_the_first_is_gone(
    server: FakeServer, separator: str | None
) -> None:
    addresses = ["127.0.0.1:1", server.address]
    connection = Connection(separator.join(addresses) if separator else addresses)
    assert sound(await spoken_of(Turn(connection, {})))
    assert connection.address == server.address
    await connection.close()
