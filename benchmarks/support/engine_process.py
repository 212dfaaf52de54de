"""An engine server in a process of its own, over a scripted engine or over a real one, which can be killed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

from benchmarks.support.child_process import Child, child_process, obey
from engine.messages import Engine
from service.config import ServiceConfig
from service.engine_server import EngineServer
from service.engines.in_process import InProcess
from service.options import EngineSettings
from service.source import load_engine

SCRIPTED = "scripted"
VERSION = "benchmark"


@dataclass(frozen=True, kw_only=True)
class Served:
    """What an engine server speaks with."""

    model: str = SCRIPTED  # or what `--model` takes
    places: int
    token_s: float = 0.0  # of a scripted one: what a token takes,
    voices: tuple[str, ...] = ("anna",)  # and who speaks, the default voice first


@contextlib.contextmanager
def engine_process(served: Served) -> Iterator[Child]:
    """The command "drain" drains it."""
    with child_process(_main, served) as child:
        yield child


def _main(commands: Connection, served: Served) -> None:
    asyncio.run(_serve(commands, scripted(served) if served.model == SCRIPTED else _real(served.model, served.places)))


def scripted(served: Served) -> Engine:
    from tests.fakes import Script, ScriptedEngine

    voices = {name: Script(token_s=served.token_s) for name in served.voices}
    return ScriptedEngine(voices, max_utterances=served.places, has_alignment=True)


def _real(model: str, places: int) -> Engine:
    return load_engine(EngineSettings(model=model, max_utterances=places, deterministic=True))


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
