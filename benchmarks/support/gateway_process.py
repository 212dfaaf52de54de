"""A gateway over engine servers, in a process that can be killed; those with one key share resume tokens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

from opentelemetry import trace

from benchmarks.support.child_process import Child, child_process, obey
from benchmarks.support.engine_process import VERSION
from service.config import ServiceConfig
from service.engines.addresses import addresses_of
from service.engines.pool import Pool
from service.rpc.resume import ResumeTokens
from service.rpc.session import Dependencies
from service.server import Server


@contextlib.contextmanager
def gateway_process(engines: Sequence[str], key: bytes) -> Iterator[Child]:
    with child_process(_main, ",".join(engines), key) as child:
        yield child


def _main(commands: Connection, engines: str, key: bytes) -> None:
    asyncio.run(_serve(commands, engines, key))


async def _serve(commands: Connection, engines: str, key: bytes) -> None:
    config = ServiceConfig(address="127.0.0.1:0", version=VERSION)
    pool, server, at_once = Pool(addresses_of(engines), version=VERSION), Server(config), asyncio.Event()
    await pool.ready()
    dependencies = Dependencies(
        engine=pool, config=config, tracer=trace.NoOpTracer(), resume_tokens=ResumeTokens([key])
    )
    await server.start(dependencies)
    commands.send(server.port)
    await obey(commands, lambda _: None)
    at_once.set()
    await server.stop(at_once)
    await pool.close()
