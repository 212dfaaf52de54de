"""A service of the embedded voice, in its own process, with stages as slow as `benchmarks.support.throttle` says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from multiprocessing.connection import Connection

from benchmarks.support.child_process import child_process
from benchmarks.support.child_service import serve
from benchmarks.support.throttle import Throttle
from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.loading import warm_up
from engine.options import EngineOptions


@contextlib.contextmanager
def throttled_service(throttle: Throttle, max_utterances: int = 4) -> Iterator[str]:
    """Its address, once it serves."""
    with child_process(_main, throttle, max_utterances) as child:
        yield child.address


def _main(commands: Connection, throttle: Throttle, max_utterances: int) -> None:
    model = load("embedded")
    engine = LocalEngine(model, EngineOptions(max_utterances=max_utterances), throttle.wrap(model))
    warm_up(engine, model.config.default_voice)
    asyncio.run(serve(engine, commands))
