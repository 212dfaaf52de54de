"""Standard input, piece by piece."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from client.cli.text_source import from_descriptor
from client.errors import ClientError

Pipe = tuple[int, io.FileIO]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """The reading descriptor and the writing file."""
    reading, writing = os.pipe()
    with io.FileIO(writing, "w") as writer:
        yield reading, writer
    for thread in threading.enumerate():
        if thread.name == "gapless-stdin":  # it sees the end now; the next test may get the same descriptor
            thread.join(5)
    os.close(reading)


async def soon(pieces: AsyncIterator[str]) -> str:
    return await asyncio.wait_for(anext(pieces), 1)


async def test_text_comes_as_it_is_written_without_waiting_for_the_end(pipe: Pipe) -> None:
    pieces = from_descriptor(pipe[0])
    for word in ("Hello ", "there.\n"):
        pipe[1].write(word.encode())
        assert await soon(pieces) == word
    pipe[1].close()
    assert [piece async for piece in pieces] == []


async def test_a_character_cut_in_two_waits_for_its_rest(pipe: Pipe) -> None:
    pieces = from_descriptor(pipe[0])
    snowman = "a☃".encode()
    pipe[1].write(snowman[:2])
    assert await soon(pieces) == "a"
    pipe[1].write(snowman[2:])
    assert await soon(pieces) == "☃"
    pipe[1].close()
    assert [piece async for piece in pieces] == []


@pytest.mark.parametrize("broken", [b"\xff", "☃".encode()[:2]])
async def test_bytes_that_are_no_text_are_an_error(pipe: Pipe, broken: bytes) -> None:
    pipe[1].write(broken)
    pipe[1].close()
    with pytest.raises(ClientError, match="not UTF-8"):
        _ = [piece async for piece in from_descriptor(pipe[0])]


def test_the_reading_thread_ends_with_the_loop(pipe: Pipe) -> None:
    """Also where a piece comes just as the loop is closed: nobody is left to take it."""
    loop = asyncio.new_event_loop()
    pieces = from_descriptor(pipe[0])
    pipe[1].write(b"a")
    assert loop.run_until_complete(anext(pieces)) == "a"
    reader = next(thread for thread in threading.enumerate() if thread.name == "gapless-stdin")
    pipe[1].write(b"b")  # handed to a loop that is not running any more
    time.sleep(0.05)
    loop.close()
    pipe[1].close()
    reader.join(5)
    assert not reader.is_alive()
