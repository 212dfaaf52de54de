"""`python -m service`: reads the options, binds, loads the engine, serves until a signal. See --help.

`python -m service engine` is an engine server, `engines` shows such servers, `voice ...` works on the stored voices,
`token NAME` makes a token. What is asked for goes to stdout, all else to stderr.
Exit status: 0 after a signal, 1 if the model, the address, tracing or a voice cannot be had, 2 for unreadable options,
and one for each way to break while it serves (`service.process_end`, docs/faults.md).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tomllib
from functools import partial
from pathlib import Path

from opentelemetry import trace

from engine.errors import GaplessError, InvalidRequest
from engine.watchdog import Watchdog
from gapless.doors.listening.errors import ListeningError
from gapless.doors.listening.exposure import is_loopback
from service import engines_command, process_end, voice_command
from service.access import token_command
from service.access.access import Access
from service.access.errors import AccessError
from service.config import ServiceConfig
from service.engine_server import EngineServer
from service.engines.engine import AsyncEngine
from service.engines.in_process import InProcess
from service.engines.metrics import PoolCollector
from service.engines.pool import Pool
from service.engines.processes import leave_socket
from service.loop import on_this_loop
from service.observability import tracing
from service.observability.loop_watch import LoopWatch
from service.observability.metrics import Exposition, Metrics
from service.options import EnginesCommand, Options, TokenCommand, VoiceCommand, read_options
from service.rpc.resume import ResumeTokens
from service.rpc.session import Dependencies
from service.server import AddressError, Server
from service.source import END_LIMIT_S, engine_options, first, local, loop_is_blocked, source_of

TELLS_S = 1.0  # that a server whose engine broke tells so

_log = logging.getLogger("service")


def main() -> int:
    options = read_options(sys.argv[1:], _version())
    if isinstance(options, TokenCommand):
        return _make_token(options)
    if isinstance(options, EnginesCommand):
        logging.basicConfig(handlers=[logging.NullHandler()])  # the table says what the log would
        return asyncio.run(engines_command.run(options.config, _version(), sys.stdout, sys.stderr))
    logging.basicConfig(
        level=options.service.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        if options.voice is None:
            return asyncio.run(_serve_gateways(options) if options.is_engine_server else _serve(options))
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

    desk = open_voices(options.engine.model, engine_options(options.engine))
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
    watchdog = Watchdog([LoopWatch()], on_overdue=loop_is_blocked, on_gone=loop_is_blocked)
    watchdog.start()
    await server.open()
    tracer = trace.get_tracer("gapless.service")
    try:
        source = await source_of(options, stop, tracer)
    except BaseException:
        watchdog.end()
        await server.end()
        raise
    try:
        if isinstance(source.engine, Pool):
            metrics.registry.register(PoolCollector(source.engine))
        await server.start(
            Dependencies(
                engine=source.engine,
                config=options.service,
                tracer=tracer,
                metrics=metrics,
                resume_tokens=resume_tokens,
            )
        )
        await asyncio.to_thread(_announce, source.engine, options.service.address, server.port)
        await first(stop, source.broke)
        if broken := source.broken():
            await server.end(TELLS_S)
            return process_end.CODES[broken.fault]
        _log.info("draining: up to %g s for running utterances", options.service.drain_timeout_s)
        process_end.end_within(options.service.drain_timeout_s + END_LIMIT_S, process_end.STOPPED)
        await server.stop(source.broke)
        return process_end.STOPPED
    finally:
        watchdog.end()
        await source.close()
        if exposition is not None:
            await asyncio.to_thread(exposition.close)
        if provider is not None:
            await asyncio.to_thread(tracing.shut_down, provider)


async def _serve_gateways(options: Options) -> int:
    """The exit status of an engine server."""
    stop = asyncio.Event()
    process_end.Signals(on_this_loop(stop.set))
    if options.with_parent:
        process_end.end_with_parent(partial(leave_socket, options.service.address))
    provider = tracing.configure(os.environ, options.service.version)
    if provider is not None:
        trace.set_tracer_provider(provider)
    server = EngineServer(options.service, Access.of(options.access, options.service.address))
    metrics = Metrics()
    exposition = _expose(metrics, options.service)
    watchdog = Watchdog([LoopWatch()], on_overdue=loop_is_blocked, on_gone=loop_is_blocked)
    watchdog.start()
    await server.open()
    source = await local(options.engine, stop)
    engine = source.engine
    assert isinstance(engine, InProcess)
    try:
        await server.start(engine)
        metrics.watch(engine, engine.info(), options.service.version)
        await asyncio.to_thread(_announce, engine, options.service.address, server.port)
        await first(stop, source.broke)
        if broken := source.broken():
            await server.stop(0.0)
            return process_end.CODES[broken.fault]
        drain_s = options.service.drain_timeout_s
        _log.info("draining: what runs after %g s is left to other engines", drain_s)
        process_end.end_within(drain_s + END_LIMIT_S, process_end.STOPPED)
        await server.stop(drain_s)
        return process_end.STOPPED
    finally:
        watchdog.end()
        await source.close()
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


def _announce(engine: AsyncEngine, address: str, port: int) -> None:
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
