"""Where the command line's text comes from: an argument, or standard input piece by piece, as it arrives."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError

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
    pieces: asyncio.Queue[bytes] = asyncio.Queue(_PIECES_WAITING)

    def read() -> None:
        data = b"?"
        while data:
            data = os.read(descriptor, _READ_BYTES)
            putting = pieces.put(data)
            try:
                asyncio.run_coroutine_threadsafe(putting, loop).result()
            except (RuntimeError, CancelledError):  # the loop is gone or going, nobody wants the rest
                putting.close()
                return

    # A daemon: a read that never returns must not keep the process after Ctrl-C.
    threading.Thread(target=read, name="gapless-stdin", daemon=True).start()
    while data := await pieces.get():
        yield data
