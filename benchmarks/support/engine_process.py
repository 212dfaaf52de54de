"""An engine server in a process of its own, over a scripted engine or over a real one, which can be killed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from multiprocessing.connection import Connection

from benchmarks.support.child_process import Child, child_process, obey
from engine.messages import Engine
from service.config import ServiceConfig
from service.engine_server import EngineServer
from service.engines.in_process import InProcess

SCRIPTED = "scripted"
VERSION = "benchmark"


@contextlib.contextmanager
def engine_process(model: str, places: int, token_s: float) -> Iterator[Child]:
    """`model`: SCRIPTED, where a token takes `token_s`, or what `--model` takes. The command "drain" drains it."""
    with child_process(_main, model, places, token_s) as child:
        yield child


def _main(commands: Connection, model: str, places: int, token_s: float) -> None:
    asyncio.run(_serve(commands, _scripted(places, token_s) if model == SCRIPTED else _real(model, places)))


def _scripted(places: int, token_s: float) -> Engine:
    from tests.fakes import Script, ScriptedEngine

    return ScriptedEngine({"anna": Script(token_s=token_s)}, max_utterances=places, has_alignment=True)


def _real(model: str, places: int) -> Engine:
    from engine.loading import load
    from engine.options import EngineOptions

    return load(model, EngineOptions(max_utterances=places, deterministic=True))


async def _serve(commands: Connection, engine: Engine) -> None:
    server = EngineServer(ServiceConfig(address="127.0.0.1:0", version=VERSION))
    await server.start(InProcess(engine))
    commands.send(server.port)
    loop = asyncio.get_running_loop()
    drains: list[object] = []

    def drain(_: object) -> None:
        drains.append(asyncio.run_coroutine_threadsafe(server.stop(0.2), loop))

    await obey(commands, drain)
    if not drains:
        await server.stop(0.0)
    await asyncio.to_thread(engine.close)
