"""A service of the embedded voice, in its own process, with stages as slow as `benchmarks.support.throttle` says."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection

from opentelemetry import trace

from benchmarks.support.throttle import Throttle
from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.loading import warm_up
from engine.options import EngineOptions
from service.config import ServiceConfig
from service.rpc.session import Dependencies
from service.server import Server

START_LIMIT_S = 120.0


@contextlib.contextmanager
def throttled_service(throttle: Throttle, max_utterances: int = 4) -> Iterator[str]:
    """Its address, once it serves."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    arguments = [theirs, throttle, max_utterances]
    process = multiprocessing.get_context("spawn").Process(target=_main, args=arguments, daemon=True)
    process.start()
    try:
        if not ours.poll(START_LIMIT_S):
            raise RuntimeError("the service did not start")
        yield f"127.0.0.1:{ours.recv()}"
    finally:
        ours.close()
        process.join(10)


def _main(orders: Connection, throttle: Throttle, max_utterances: int) -> None:
    model = load("embedded")
    engine = LocalEngine(model, EngineOptions(max_utterances=max_utterances), throttle.wrap(model))
    warm_up(engine, model.config.default_voice)
    try:
        asyncio.run(_serve(orders, engine))
    finally:
        engine.close()


async def _serve(orders: Connection, engine: LocalEngine) -> None:
    config = ServiceConfig(address="127.0.0.1:0")
    server, at_once = Server(config), asyncio.Event()
    await server.start(Dependencies(engine=engine, config=config, tracer=trace.NoOpTracer()))
    orders.send(server.port)
    with contextlib.suppress(EOFError):  # the other end was closed: enough
        await asyncio.to_thread(orders.recv)
    at_once.set()
    await server.stop(at_once)
