"""A TCP relay in a process of its own, with a delay and stalls for each direction: a network that can be told to fail.

with relay("127.0.0.1:50051") as network:
    network.stall("down", after_s=0.5, for_s=0.3)    # connect to network.address
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

UP, DOWN = "up", "down"
_READ_BYTES = 1 << 16
_WAITING = 4096  # pieces under way in one direction


@dataclass
class _Way:
    """One direction, for all connections."""

    delay_s: float = 0.0
    stalls: list[tuple[float, float]] = field(default_factory=list)  # monotonic seconds

    def arrival(self, left_s: float) -> float:
        """When what leaves at `left_s` arrives."""
        at_s = left_s + self.delay_s
        for begin, end in self.stalls:
            if begin <= at_s < end:
                at_s = end
        return at_s


class Relay:
    """The end that gives orders."""

    def __init__(self, address: str, orders: Connection) -> None:
        self.address = address
        self._orders = orders

    def stall(self, way: str, *, after_s: float, for_s: float) -> None:
        self._orders.send(("stall", way, after_s, for_s))

    def delay(self, way: str, seconds: float) -> None:
        """From now on."""
        self._orders.send(("delay", way, seconds))

    def reset(self) -> None:
        self._orders.send(("reset",))


@contextlib.contextmanager
def relay(target: str) -> Iterator[Relay]:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_main, args=[target, theirs], daemon=True)
    process.start()
    try:
        yield Relay(f"127.0.0.1:{ours.recv()}", ours)
    finally:
        ours.send(("stop",))
        process.join(5)


def _main(target: str, orders: Connection) -> None:
    asyncio.run(_serve(target, orders))


async def _serve(target: str, orders: Connection) -> None:
    ways = {UP: _Way(), DOWN: _Way()}
    host, _, port = target.rpartition(":")
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pump(reader, far_writer, ways[UP]), _pump(far_reader, writer, ways[DOWN]))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    orders.send(server.sockets[0].getsockname()[1])

    def obey() -> None:
        while (order := orders.recv())[0] != "stop":
            if order[0] == "stall":
                begin_s = time.monotonic() + order[2]
                ways[order[1]].stalls.append((begin_s, begin_s + order[3]))
            elif order[0] == "delay":
                ways[order[1]].delay_s = order[2]
            else:
                for way in ways.values():
                    way.delay_s = 0.0
                    way.stalls.clear()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=obey, name="relay-orders", daemon=True).start()
    await stop.wait()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: _Way) -> None:
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WAITING)

    async def deliver() -> None:
        data = b"?"
        with contextlib.suppress(OSError):
            while data:
                left_s, data = await under_way.get()
                while (wait_s := way.arrival(left_s) - time.monotonic()) > 0:
                    await asyncio.sleep(min(wait_s, 0.01))  # a stall may begin while it is under way
                writer.write(data)
                await writer.drain()
            writer.close()

    delivering = asyncio.create_task(deliver())
    with contextlib.suppress(OSError):
        while data := await reader.read(_READ_BYTES):
            await under_way.put((time.monotonic(), data))
    await under_way.put((time.monotonic(), b""))
    await delivering
