"""A gateway over engine servers, in a process that can be killed; those with one key share resume tokens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

from benchmarks.support.child_process import Child, child_process
from benchmarks.support.child_service import serve_with
from benchmarks.support.engine_process import VERSION
from service.engines.addresses import addresses_of
from service.engines.pool import Pool
from service.rpc.resume import ResumeTokens


@contextlib.contextmanager
def gateway_process(engines: Sequence[str], key: bytes) -> Iterator[Child]:
    with child_process(_main, ",".join(engines), key) as child:
        yield child


def _main(commands: Connection, engines: str, key: bytes) -> None:
    asyncio.run(_serve(commands, engines, key))


async def _serve(commands: Connection, engines: str, key: bytes) -> None:
    pool = Pool(addresses_of(engines), version=VERSION)
    await pool.ready()
    await serve_with(pool, commands, resume_tokens=ResumeTokens([key]))
    await pool.close()
