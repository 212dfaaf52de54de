"""A TCP relay in a process of its own, with delay, jitter, stalls and a rate for each direction: a network that fails.

with relay("127.0.0.1:50051") as network:
    network.stall("down", after_s=0.5, for_s=0.3)    # connect to network.address
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.support.child_process import child_process, obey

UP, DOWN = "up", "down"
_READ_BYTES = 1 << 16
_WAITING = 4096  # pieces under way in one direction


@dataclass
class _Way:
    """One direction, for all connections."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    rate: float = 0.0  # bytes a second of each connection; 0: no limit
    stalls: list[tuple[float, float, int | None]] = field(default_factory=list)  # monotonic seconds; connection

    def extra_s(self) -> float:
        """What one piece takes on its way."""
        return self.delay_s + random.uniform(0.0, self.jitter_s)

    def arrival(self, due_s: float, connection: int) -> float:
        """When what is due at `due_s` arrives."""
        for begin, end, only in self.stalls:
            if begin <= due_s < end and only in (None, connection):
                due_s = end
        return due_s

    def reset(self) -> None:
        self.delay_s = self.jitter_s = self.rate = 0.0
        self.stalls.clear()


class Relay:
    """The end that gives commands."""

    def __init__(self, address: str, commands: Connection) -> None:
        self.address = address
        self._commands = commands

    def stall(self, way: str, *, after_s: float, for_s: float, connection: int | None = None) -> None:
        """`connection`: only that one of those opened since the last reset, 0 for the first."""
        self._commands.send(("stall", way, after_s, for_s, connection))

    def delay(self, way: str, seconds: float) -> None:
        """From now on."""
        self._commands.send(("delay", way, seconds))

    def jitter(self, way: str, seconds: float) -> None:
        """From now on each piece takes up to so much longer; none overtakes another."""
        self._commands.send(("jitter", way, seconds))

    def limit(self, way: str, bytes_per_s: float) -> None:
        """From now on."""
        self._commands.send(("limit", way, bytes_per_s))

    def reset(self) -> None:
        self._commands.send(("reset",))


@contextlib.contextmanager
def relay(target: str) -> Iterator[Relay]:
    with child_process(_main, target) as child:
        yield Relay(child.address, child.commands)


def _main(commands: Connection, target: str) -> None:
    asyncio.run(_serve(commands, target))


async def _serve(commands: Connection, target: str) -> None:
    ways = {UP: _Way(), DOWN: _Way()}
    host, _, port = target.rpartition(":")
    numbers = itertools.count()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(numbers)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            up, down = _pump(reader, far_writer, ways[UP], number), _pump(far_reader, writer, ways[DOWN], number)
            await asyncio.gather(up, down)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    commands.send(server.sockets[0].getsockname()[1])

    def carry_out(command: tuple[Any, ...]) -> None:
        nonlocal numbers
        match command:
            case ("stall", way, after_s, for_s, connection):
                begin_s = time.monotonic() + after_s
                ways[way].stalls.append((begin_s, begin_s + for_s, connection))
            case ("delay", way, seconds):
                ways[way].delay_s = seconds
            case ("jitter", way, seconds):
                ways[way].jitter_s = seconds
            case ("limit", way, bytes_per_s):
                ways[way].rate = bytes_per_s
            case _:
                numbers = itertools.count()
                for one in ways.values():
                    one.reset()

    await obey(commands, carry_out)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: _Way, connection: int) -> None:
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WAITING)

    async def deliver() -> None:
        data = b"?"
        with contextlib.suppress(OSError):
            while data:
                due_s, data = await under_way.get()
                while (wait_s := way.arrival(due_s, connection) - time.monotonic()) > 0:
                    await asyncio.sleep(min(wait_s, 0.01))  # a stall may begin while it is under way
                writer.write(data)
                await writer.drain()
                if way.rate:
                    await asyncio.sleep(len(data) / way.rate)
            writer.close()

    delivering = asyncio.create_task(deliver())
    with contextlib.suppress(OSError):
        while data := await reader.read(_READ_BYTES):
            await under_way.put((time.monotonic() + way.extra_s(), data))
    await under_way.put((time.monotonic(), b""))
    await delivering
