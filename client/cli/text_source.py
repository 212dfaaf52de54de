"""Where the command line's text comes from: an argument, or standard input piece by piece, as it arrives."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator

from ..errors import ClientError

_READ_BYTES = 4096
_PIECES_WAITING = 16


async def from_descriptor(descriptor: int) -> AsyncIterator[str]:
    """UTF-8 text as it arrives, whatever the pieces: a character cut in two waits for its rest. Never waits for EOF."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        async for data in _bytes(descriptor):
            if piece := decoder.decode(data):
                yield piece
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise ClientError(f"standard input is not UTF-8 ({error})") from error


async def _bytes(descriptor: int) -> AsyncIterator[bytes]:
    """Reads in a thread: regular files, which an event loop cannot watch, come this way too."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(_PIECES_WAITING)
    is_wanted = True

    def read() -> None:
        data = b"?"
        while data and room.acquire() and is_wanted:
            data = os.read(descriptor, _READ_BYTES)
            try:
                loop.call_soon_threadsafe(pieces.put_nowait, data)
            except RuntimeError:  # the loop is closed, nobody wants the rest
                return

    # A daemon: a read that never returns must not keep the process after Ctrl-C.
    threading.Thread(target=read, name="gapless-stdin", daemon=True).start()
    try:
        while data := await pieces.get():
            room.release()
            yield data
    finally:
        is_wanted = False
        room.release()
