"""A service around any engine, in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from opentelemetry import trace

from benchmarks.support.child_process import obey
from engine.messages import Engine
from service.config import ServiceConfig
from service.engines.engine import AsyncEngine
from service.engines.in_process import InProcess
from service.rpc.resume import ResumeTokens
from service.rpc.session import Dependencies
from service.server import Server


async def serve(
    engine: Engine,
    commands: Connection,
    carry_out: Callable[[Any], object] = str,
    resume_tokens: ResumeTokens | None = None,
) -> None:
    """Runs in a `child_process`: sends its port, and stops at once when the other end is closed. Closes the engine."""
    await serve_with(InProcess(engine), commands, carry_out, resume_tokens)
    await asyncio.to_thread(engine.close)


async def serve_with(
    engine: AsyncEngine,
    commands: Connection,
    carry_out: Callable[[Any], object] = str,
    resume_tokens: ResumeTokens | None = None,
) -> None:
    """The same with an engine that may be elsewhere, and is not closed."""
    config, at_once = ServiceConfig(address="127.0.0.1:0"), asyncio.Event()
    server = Server(config)
    dependencies = Dependencies(
        engine=engine, config=config, tracer=trace.NoOpTracer(), resume_tokens=resume_tokens or ResumeTokens()
    )
    await server.start(dependencies)
    commands.send(server.port)
    await obey(commands, carry_out)
    at_once.set()
    await server.stop(at_once)
