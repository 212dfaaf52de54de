"""A service over scripted engines, which tells how much processor time its process spent: with the engine in that
process, or a gateway over engine servers in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.support.child_process import Child, child_process
from benchmarks.support.child_service import serve, serve_with
from benchmarks.support.engine_process import VERSION, Served, engine_process, scripted
from service.engines.addresses import addresses_of
from service.engines.pool import Pool


@dataclass(frozen=True)
class Told:
    """By the service's process, of itself."""

    processor_s: float
    ahead_s: float = 0.0  # of the engines' clocks, that the gateway takes off: nothing, on one machine


class ScriptedService:
    def __init__(self, child: Child) -> None:
        self._child = child
        self.address = child.address

    def ask(self) -> Told:
        self._child.commands.send("tell")
        told = self._child.commands.recv()
        assert isinstance(told, Told)
        return told


@contextlib.contextmanager
def scripted_service(served: Served, engines: int) -> Iterator[ScriptedService]:
    """`engines` 0: it speaks itself."""
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(engine_process(served)) for _ in range(engines)]
        addresses = ",".join(child.address for child in children)
        main: tuple[Any, ...] = (_gateway, addresses, engines) if engines else (_alone, served)
        yield ScriptedService(stack.enter_context(child_process(*main)))


def _alone(commands: Connection, served: Served) -> None:
    asyncio.run(serve(scripted(served), commands, lambda _: commands.send(Told(time.process_time()))))


def _gateway(commands: Connection, addresses: str, engines: int) -> None:
    asyncio.run(_serve_gateway(commands, addresses, engines))


async def _serve_gateway(commands: Connection, addresses: str, engines: int) -> None:
    pool = Pool(addresses_of(addresses), version=VERSION, spare=0.0)
    while sum(engine.serves for engine in pool.engines.values()) < engines:
        await asyncio.sleep(0.02)

    def tell(_: object) -> None:
        offsets_ns = [engine._clock_offset_ns for engine in pool.engines.values()]
        commands.send(Told(time.process_time(), -statistics.mean(offsets_ns) / 1e9))

    await serve_with(pool, commands, tell)
    await pool.close()
