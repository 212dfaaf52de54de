"""Large messages are read one after the other, and the event loop has others in between."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import pytest

from gapless.tts.v1 import tts_pb2 as pb
from service.rpc.large import LARGE_BYTES, LargeMessages, Unread
from tests.service.conftest import Serve
from tests.service.talk import Heard, end, seeded, text
from tests.service.test_synthesize import SENTENCE

READ_S = 0.01
LARGE = bytes(LARGE_BYTES)


def slow(data: bytes) -> int:
    time.sleep(READ_S)
    return len(data)


def test_small_messages_are_read_at_once() -> None:
    assert LargeMessages().later(len)(LARGE[1:]) == LARGE_BYTES - 1


async def test_those_of_one_connection_come_one_by_one_half_of_the_time() -> None:
    unread = LargeMessages().later(slow)(LARGE)
    assert isinstance(unread, Unread)
    began_s = time.monotonic()
    assert await asyncio.gather(*(unread.read("one") for _ in range(5))) == [LARGE_BYTES] * 5
    assert time.monotonic() - began_s >= 10 * READ_S


async def test_another_connection_does_not_wait_for_them() -> None:
    unread = LargeMessages().later(slow)(LARGE)
    flood = [asyncio.create_task(unread.read("one")) for _ in range(20)]
    await asyncio.sleep(0)
    assert await unread.read("other") == LARGE_BYTES
    assert sum(task.done() for task in flood) < 5
    await asyncio.gather(*flood)


async def test_one_that_cannot_be_read_and_one_that_is_given_up_leave_the_turn_to_the_next() -> None:
    large = LargeMessages()
    unreadable, readable = large.later(int)(b"x" * LARGE_BYTES), large.later(slow)(LARGE)
    with pytest.raises(ValueError, match="invalid"):
        await unreadable.read("one")
    first, second, third = (asyncio.create_task(readable.read("one")) for _ in range(3))
    await asyncio.sleep(0)
    second.cancel()
    assert [await first, await third] == [LARGE_BYTES] * 2


METHOD = "/gapless.tts.v1.TextToSpeechService/"
PADDING = b"\xa0\x06\x00" * LARGE_BYTES  # unknown fields
GARBAGE = b"\xff" * LARGE_BYTES


async def test_they_are_heard_like_small_ones_and_garbage_is_refused(serve: Serve) -> None:
    async with serve() as served:

        def in_pieces(more: bytes) -> Any:
            said = text(SENTENCE).SerializeToString() + more
            messages = seeded().SerializeToString(), said, end().SerializeToString()
            return served.channel.stream_stream(f"{METHOD}Synthesize", bytes, bytes)(iter(messages))

        def whole(more: bytes) -> Any:
            request = pb.SynthesizeTextRequest(text=SENTENCE).SerializeToString() + more
            return served.channel.unary_stream(f"{METHOD}SynthesizeText", bytes, bytes)(request)

        for speak in (in_pieces, whole):
            heard = Heard([pb.SynthesizeResponse.FromString(data) async for data in speak(PADDING)])
            assert heard.finished.usage.input_characters == len(SENTENCE)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                _ = [data async for data in speak(GARBAGE)]
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
