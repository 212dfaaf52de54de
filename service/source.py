"""The engine that a service speaks with, as its options say: of this process, of its children, or of other machines."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Tracer

from engine import interpreter
from engine.apart import apart
from engine.errors import EngineBroken, Fault
from engine.messages import Engine
from engine.watchdog import Watched
from service import process_end
from service.engines.addresses import addresses_of
from service.engines.config import EnginesConfig
from service.engines.dial import Dial
from service.engines.engine import AsyncEngine
from service.engines.in_process import InProcess
from service.engines.pool import Pool
from service.engines.processes import Processes, keep_answering
from service.engines.ray_actor import Order
from service.engines.ray_cluster import RayCluster, check_installed
from service.engines.ray_driver import Settings
from service.engines.scaling import Bounds, keep_scaled
from service.loop import on_this_loop
from service.options import EngineSettings, Options

if TYPE_CHECKING:
    from engine.engine import LocalEngine
    from engine.options import EngineOptions

END_LIMIT_S = 5.0  # from an engine that broke, or from the last call that drained, to the end of the process

_log = logging.getLogger(__name__)


def _works() -> EngineBroken | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Source:
    """`broke` is set when the engine breaks, or is closed, and this process has to end with it."""

    engine: AsyncEngine
    close: Callable[[], Awaitable[None]]
    broke: asyncio.Event = field(default_factory=asyncio.Event)
    broken: Callable[[], EngineBroken | None] = _works


async def source_of(options: Options, stop: asyncio.Event, tracer: Tracer) -> Source:
    """Returns when something can be spoken. Ends the process if it is to stop meanwhile."""
    if options.engines.in_this_process:
        return await local(options.engine, stop)
    return await _elsewhere(options, stop, tracer)


async def local(settings: EngineSettings, stop: asyncio.Event) -> Source:
    engine = await loaded(settings, stop)
    broke = asyncio.Event()
    engine.on_close(partial(end_if_broken, engine))
    engine.on_close(on_this_loop(broke.set))
    close = partial(asyncio.to_thread, engine.close)
    return Source(engine=InProcess(engine), close=close, broke=broke, broken=engine.broken)


async def _elsewhere(options: Options, stop: asyncio.Event, tracer: Tracer) -> Source:
    """Raises CannotStart, AccessError."""
    config = options.engines
    dial = Dial.of(config.engines, config.engine_tls_ca, config.engine_token_file)
    manager = _manager(options)
    pool = Pool(
        manager.find if manager else addresses_of(config.engines),
        dial=dial,
        version=options.service.version,
        spare=config.spare_engines,
        tracer=tracer,
    )

    caring: list[asyncio.Task[None]] = []
    if isinstance(manager, RayCluster):
        caring.append(asyncio.create_task(keep_scaled(manager, pool, _bounds(config)), name="scaling"))
    elif manager is not None:
        caring.append(asyncio.create_task(keep_answering(manager, pool), name="hanging"))

    async def close() -> None:
        for task in caring:
            task.cancel()
        await pool.close()
        if manager is not None:
            await manager.close()

    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(pool.ready()), asyncio.ensure_future(stop.wait())]
    if manager is not None:
        waits.append(manager.failed)
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if manager is not None and manager.failed.done():
        await close()
        raise manager.failed.result()
    for wait in waits:
        wait.cancel()
    if stop.is_set():
        await close()
        _log.info("stopped while no engine served")
        process_end.end_now(process_end.STOPPED)
    return Source(engine=pool, close=close)


def _manager(options: Options) -> Processes | RayCluster | None:
    """Whoever starts the engine servers, if it is for this process to do so. Raises CannotStart."""
    config = options.engines
    if config.in_child_processes:
        return Processes(_environs(options))
    if config.ray_address is None:
        return None
    check_installed()
    return RayCluster(_ray_settings(options, config.ray_address))


def _ray_settings(options: Options, address: str) -> Settings:
    config, is_own = options.engines, address == "local"
    gpus = float(options.engine.device == "cuda") if config.engine_gpus is None else config.engine_gpus
    order = Order(
        command=("-m", "service", "engine"),
        environ=_environ(options),
        flags=config.engine_flags,
        host="127.0.0.1" if is_own else "",
    )
    return Settings(address=address, order=order, gpus=gpus, cores=config.engine_cores)


def _bounds(config: EnginesConfig) -> Bounds:
    most = config.max_engines or config.min_engines
    return Bounds(fewest=config.min_engines, most=most, spare=config.spare_engines)


def _environ(options: Options) -> dict[str, str]:
    """The flags of an engine server, as variables."""
    return {**options.engine_environ, "GAPLESS_LOG_LEVEL": options.service.log_level}


def _environs(options: Options) -> list[dict[str, str]]:
    """Of each child."""
    given = _environ(options)
    return [given | ({"GAPLESS_DEVICE": device} if device else {}) for device in options.engines.devices or ("",)]


async def loaded(settings: EngineSettings, stop: asyncio.Event) -> Engine:
    """Ends the process if it is to stop meanwhile: nobody is served, and nothing ends the loading of a model."""
    loading = asyncio.create_task(asyncio.to_thread(load_engine, settings))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not loading.done():
        _log.info("stopped while the model was loading")
        process_end.end_now(process_end.STOPPED)
    stopping.cancel()
    return await loading


async def first(*events: asyncio.Event) -> None:
    """Returns when one of them is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def end_if_broken(engine: Engine) -> None:
    """Called on the thread that found it broken: the loop may be unable to do anything about it."""
    if broken := engine.broken():
        process_end.tell_where_all_threads_are()
        process_end.end_within(END_LIMIT_S, process_end.CODES[broken.fault])


def loop_is_blocked(watched: Watched) -> None:
    _log.critical("%s answers nothing for %.1f s", watched.name, watched.limit_s)
    process_end.tell_where_all_threads_are()
    process_end.end_now(process_end.CODES[Fault.LOOP_BLOCKED])


def load_engine(settings: EngineSettings) -> Engine:
    """The only place that brings torch in, on a thread, so that signals are heard meanwhile. Returns warm.

    Importing and loading give way to others. Speaking does not: the threads that speak are begun by the caller's."""
    _log.info("loading model %s", settings.model)
    engine = apart(_torch_and_all)(settings.model, engine_options(settings))
    interpreter.prepare(on_cpu=engine.on_cpu)
    return engine


def _torch_and_all() -> Callable[..., LocalEngine]:
    from engine.loading import load

    return load


def engine_options(settings: EngineSettings) -> EngineOptions:
    from engine.options import EngineOptions

    values = dataclasses.asdict(settings)
    del values["model"]
    return EngineOptions(**values)
