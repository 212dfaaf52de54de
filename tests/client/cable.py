"""A connection that is cut: bytes from a loopback port of its own to a server, until both ends see them reset."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Cable:
    """On the loop of the test. `address` stays the same when it is mended."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._port = 0
        self._is_cut = False

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def lay(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server:
            self._server.close()
        self.drop()

    def cut(self) -> None:
        """From now on nobody gets through, and what was under way is lost. The port stays ours."""
        self._is_cut = True
        self.drop()

    def mend(self) -> None:
        self._is_cut = False

    def drop(self) -> None:
        """Once: who connects again gets through."""
        for end in self._ends:
            end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._target.rpartition(":")
        if self._is_cut:
            writer.transport.abort()
            return
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            ends = {writer, far_writer}
            self._ends |= ends
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                self._ends -= ends
                for end in ends:
                    end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(1 << 16):
        writer.write(piece)
        await writer.drain()
    raise ConnectionResetError


@contextlib.asynccontextmanager
async def cable(target: str) -> AsyncIterator[Cable]:
    made = Cable(target)
    await made.lay()
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0)
