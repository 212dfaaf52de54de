"""`python -m service`: reads the options, binds, loads the engine, serves until a signal. See --help.

`python -m service voice ...` works on the stored voices instead, `python -m service token NAME` makes a token. What is
asked for goes to stdout, all else to stderr.
Exit status: 0 after a signal, 1 if the model, the address, tracing or a voice cannot be had, 2 for unreadable options,
and one for each way to break while it serves (`service.process_end`, docs/faults.md).
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import sys
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry import trace

from engine import interpreter
from engine.errors import Fault, GaplessError, InvalidRequest
from engine.messages import Engine
from engine.watchdog import Watchdog, Watched
from gapless.doors.listening.errors import ListeningError
from gapless.doors.listening.exposure import is_loopback
from service import process_end, voice_command
from service.access import token_command
from service.access.access import Access
from service.access.errors import AccessError
from service.config import ServiceConfig
from service.engines.in_process import InProcess
from service.loop import on_this_loop
from service.observability import tracing
from service.observability.loop_watch import LoopWatch
from service.observability.metrics import Exposition, Metrics
from service.options import EngineSettings, Options, TokenCommand, VoiceCommand, read_options
from service.rpc.resume import ResumeTokens
from service.rpc.session import Dependencies
from service.server import AddressError, Server

if TYPE_CHECKING:
    from engine.options import EngineOptions

TELLS_S = 1.0  # that a server whose engine broke tells so
END_LIMIT_S = 5.0  # from an engine that broke, or from the last call that drained, to the end of the process

_log = logging.getLogger("service")


def main() -> int:
    options = read_options(sys.argv[1:], _version())
    if isinstance(options, TokenCommand):
        return _make_token(options)
    logging.basicConfig(
        level=options.service.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        if options.voice is None:
            return asyncio.run(_serve(options))
        _work_on_voices(options, options.voice)
    except (AddressError, GaplessError, ListeningError, OSError, tracing.TracingError) as error:
        message = error.description if isinstance(error, InvalidRequest) else str(error)
        sys.stderr.write(f"gapless: {' '.join(message.split())}\n")
        return process_end.CANNOT_START
    return 0


def _make_token(command: TokenCommand) -> int:
    try:
        token_command.run(command.token_file, command.caller, sys.stdout, sys.stderr)
    except AccessError as error:
        sys.stderr.write(f"gapless: {error}\n")
        return 1
    return 0


def _work_on_voices(options: Options, command: VoiceCommand) -> None:
    from engine.loading import open_voices

    desk = open_voices(options.engine.model, _engine_options(options.engine))
    voice_command.run(command, desk, options.service.max_recording_bytes, sys.stdout, sys.stderr)


async def _serve(options: Options) -> int:
    """The exit status."""
    stop = asyncio.Event()
    process_end.Signals(on_this_loop(stop.set))
    provider = tracing.configure(os.environ, options.service.version)
    if provider is not None:
        trace.set_tracer_provider(provider)
    server = Server(options.service, Access.of(options.access, options.service.address))
    if options.service.health_address is not None:
        _log.info("health alone, in plain text, on %s", _bound(options.service.health_address, server.health_port))
    metrics, resume_tokens = Metrics(), ResumeTokens.of(options.service.resume_key_file)
    exposition = _expose(metrics, options.service)
    watchdog = Watchdog([LoopWatch()], on_overdue=_loop_is_blocked, on_gone=_loop_is_blocked)
    watchdog.start()
    await server.open()
    try:
        engine = await _loaded(options.engine, stop)
    except BaseException:
        watchdog.end()
        await server.end()
        raise
    broke = asyncio.Event()
    engine.on_close(partial(_end_if_broken, engine))
    engine.on_close(on_this_loop(broke.set))
    try:
        await server.start(
            Dependencies(
                engine=InProcess(engine),
                config=options.service,
                tracer=trace.get_tracer("gapless.service"),
                metrics=metrics,
                resume_tokens=resume_tokens,
            )
        )
        await asyncio.to_thread(_announce, engine, options.service.address, server.port)
        await _first(stop, broke)
        if broken := engine.broken():
            await server.end(TELLS_S)
            return process_end.CODES[broken.fault]
        _log.info("draining: up to %g s for running utterances", options.service.drain_timeout_s)
        process_end.end_within(options.service.drain_timeout_s + END_LIMIT_S, process_end.STOPPED)
        await server.stop(broke)
        return process_end.STOPPED
    finally:
        watchdog.end()
        await asyncio.to_thread(engine.close)
        if exposition is not None:
            await asyncio.to_thread(exposition.close)
        if provider is not None:
            await asyncio.to_thread(tracing.shut_down, provider)


def _expose(metrics: Metrics, config: ServiceConfig) -> Exposition | None:
    if config.metrics_port is None:
        return None
    host = config.metrics_host
    try:
        exposition = Exposition(metrics.registry, host, config.metrics_port)
    except OSError as error:
        raise AddressError(f"cannot serve metrics on {host}:{config.metrics_port}: {error.strerror}") from None
    _log.info("metrics on http://%s:%d/metrics", host if ":" not in host else f"[{host}]", exposition.port)
    return exposition


async def _loaded(settings: EngineSettings, stop: asyncio.Event) -> Engine:
    """Ends the process if it is to stop meanwhile: nobody is served, and nothing ends the loading of a model."""
    loading = asyncio.create_task(asyncio.to_thread(_load, settings))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not loading.done():
        _log.info("stopped while the model was loading")
        process_end.end_now(process_end.STOPPED)
    stopping.cancel()
    return await loading


async def _first(*events: asyncio.Event) -> None:
    """Returns when one of them is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def _end_if_broken(engine: Engine) -> None:
    """Called on the thread that found it broken: the loop may be unable to do anything about it."""
    if broken := engine.broken():
        process_end.tell_where_all_threads_are()
        process_end.end_within(END_LIMIT_S, process_end.CODES[broken.fault])


def _loop_is_blocked(watched: Watched) -> None:
    _log.critical("%s answers nothing for %.1f s", watched.name, watched.limit_s)
    process_end.tell_where_all_threads_are()
    process_end.end_now(process_end.CODES[Fault.LOOP_BLOCKED])


def _load(settings: EngineSettings) -> Engine:
    """The only place that brings torch in, on a thread, so that signals are heard meanwhile. Returns warm."""
    from engine.loading import load

    _log.info("loading model %s", settings.model)
    engine = load(settings.model, _engine_options(settings))
    interpreter.prepare(on_cpu=engine.on_cpu)
    return engine


def _engine_options(settings: EngineSettings) -> EngineOptions:
    from engine.options import EngineOptions

    values = dataclasses.asdict(settings)
    del values["model"]
    return EngineOptions(**values)


def _announce(engine: Engine, address: str, port: int) -> None:
    if not is_loopback(address):
        _log.info("%s can be reached from other machines", address)
    voices = ", ".join(sorted(voice.name for voice in engine.voices()))
    where = _bound(address, port)
    sys.stdout.write(f"gapless: serving {engine.info().model} (voices {voices}) on {where}\n")
    sys.stdout.flush()


def _bound(address: str, port: int) -> str:
    """`address`, with the port that was taken where it asked for any."""
    return address if address.startswith("unix") else f"{address.rpartition(':')[0]}:{port}"


def _version() -> str:
    """Of the checkout: the service is run from it, not installed."""
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    return str(tomllib.loads(project.read_text())["project"]["version"])


if __name__ == "__main__":
    process_end.end_now(main())
