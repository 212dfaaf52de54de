"""A door in a thread of its own, for tests that drive a browser and do not run a loop; its connections can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from tests.doors.http.conftest import Open, open_door
from tests.fakes import ScriptedEngine

T = TypeVar("T")


_MOST_BYTES = 1 << 16
_SLICES_PER_S = 50  # in which a line with a limit carries


class LiveDoor:
    line_bytes_per_s = 0.0  # that the network carries to the browser; 0: no limit

    def __init__(self, door: Open, loop: asyncio.AbstractEventLoop) -> None:
        self._door = door
        self._loop = loop
        self._cables: set[asyncio.StreamWriter] = set()

    @property
    def engine(self) -> ScriptedEngine:
        return self._door.engine

    @property
    def service(self) -> str:
        """Address of the service behind it."""
        return self._door.served.address

    async def plug_in(self) -> None:
        """What the browser talks to is a relay in front of the door."""
        self._relay = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._relay.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """All connections, as a network does; new ones are possible."""
        self._run(self._cut())

    async def unplug(self) -> None:
        self._relay.close()
        await self._cut()

    async def _cut(self) -> None:
        for writer in list(self._cables):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._door.url.removeprefix("http://").rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        both = {writer, far_writer}
        self._cables |= both
        try:
            await asyncio.gather(_pump(reader, far_writer), self._down(far_reader, writer))
        finally:
            self._cables -= both
            for one in both:
                one.transport.abort()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As a slow line: a little at a time, and nothing is taken that could not be carried yet."""
        loop = asyncio.get_running_loop()
        free_s = 0.0  # when the line has carried what was taken
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(round(self.line_bytes_per_s / _SLICES_PER_S) or _MOST_BYTES):
                if self.line_bytes_per_s:
                    free_s = max(free_s, loop.time() - 1 / _SLICES_PER_S) + len(data) / self.line_bytes_per_s
                    await asyncio.sleep(free_s - loop.time())
                writer.write(data)
                await writer.drain()
            writer.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_MOST_BYTES):
            writer.write(data)
            await writer.drain()
        writer.close()


@contextlib.contextmanager
def live_door(**service: Any) -> Iterator[LiveDoor]:
    """`service`: see `serve_scripted`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="live-door")
    thread.start()
    stack = contextlib.AsyncExitStack()

    async def open_() -> LiveDoor:
        opened = LiveDoor(await stack.enter_async_context(open_door(**service)), loop)
        await opened.plug_in()
        stack.push_async_callback(opened.unplug)
        return opened

    try:
        yield asyncio.run_coroutine_threadsafe(open_(), loop).result(20)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
