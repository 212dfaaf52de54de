"""The server's parts and its life: bind, serve, drain, stop.

Binding comes first, so that a taken port is known before a model is loaded; until it is warm, health says UNKNOWN.
Health may have an address of its own, in plain text, for probes that speak no TLS: a second server with nothing else.
Shutdown: health NOT_SERVING and no new utterances, running ones end within the drain timeout, then the transport.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from gapless.doors.encoders import opus
from gapless.doors.listening.rates import Rates
from gapless.doors.listening.reloading import keep_fresh
from gapless.tts.v1 import tts_pb2_grpc
from service.access.access import Access
from service.config import ServiceConfig
from service.observability.metrics import Metrics
from service.riva import handler as riva
from service.rpc.handler import SERVICE, TextToSpeechHandler
from service.rpc.interceptor import Border
from service.rpc.limits import Arrivals, CallCount, CallLimits
from service.rpc.session import Dependencies
from service.server_group import ServerGroup, how_many, in_plain_text

_REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"
# Of the calls of one connection, health's too, and of the new connections of one host: each takes the loop one to three
# milliseconds, and so many are begun before the first waits.
BEGUN_PER_S = 250.0
BEGUN_AT_ONCE = 4
CONNECTIONS_AT_ONCE = 20  # of one host that call for the first time, before one waits
CALLS_A_MISTAKE = 5  # that a connection may make while a call that cannot be served is answered
_STOP_GRACE_S = 1.0  # for calls that are not utterances

_log = logging.getLogger(__name__)


class AddressError(Exception):
    """The address cannot be listened on."""


class Server:
    """`port` is the one bound, also if the address asked for port 0, and so is `health_port`, 0 without an address.
    Made inside a running event loop."""

    def __init__(self, config: ServiceConfig, access: Access | None = None) -> None:
        self._access = access or Access()
        count = CallCount(in_all=config.max_calls, per_connection=config.max_calls_per_connection)
        limits = CallLimits(
            count,
            arrivals=_arrivals(config),
            bursts=_bursts(),
            calls=Rates(per_s=config.calls_per_s, burst=config.max_calls_per_connection),
            refusals=Rates(per_s=config.refusals_per_s, burst=config.refusal_burst),
            mistakes=Rates(
                per_s=config.calls_per_s / CALLS_A_MISTAKE, burst=config.max_calls_per_connection // CALLS_A_MISTAKE
            ),
            max_text_chars=config.max_text_chars,
        )
        self._border = Border(limits, loaded=False)
        interceptors = [self._border, *self._access.interceptors()]
        self._server = ServerGroup(transport_options(config), interceptors, how_many(config.address))
        self._health = health.aio.HealthServicer()
        alone = replace(
            limits, arrivals=_arrivals(config)
        )  # each probe is a new connection, maybe of the callers' host
        health_alone = [Border(alone, loaded=True)]
        self._probes = ServerGroup(transport_options(config), health_alone, 1)
        self._is_open = False
        self._telling: asyncio.Task[None] | None = None
        self._handler: TextToSpeechHandler | None = None
        self.health_port = 0
        self.port = bound(partial(self._server.add_port, self._access.add_port), config.address)
        if config.health_address:
            self.health_port = bound(partial(self._probes.add_port, in_plain_text), config.health_address)

    async def open(self) -> None:
        """Answers that there is no engine yet: health says UNKNOWN, all other calls are refused with LOADING."""
        self._is_open = True
        await self._say(health_pb2.HealthCheckResponse.UNKNOWN)
        for server in (self._server, self._probes):
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server.to_generated_code)
            await server.start()

    async def start(self, dependencies: Dependencies) -> None:
        """Serves. The engine of `dependencies` is warm."""
        if missing := await asyncio.to_thread(opus.why_not):
            _log.info("no Opus: %s", missing)
        self._handler = TextToSpeechHandler(dependencies, self._access.quotas)
        self._fresh = asyncio.create_task(keep_fresh(self._access.files), name="access-files")
        running = self._server.to_generated_code
        tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(self._handler, running)
        if dependencies.config.has_riva:
            riva.add_to(running, self._handler, dependencies)
        if dependencies.config.has_reflection:
            _add_reflection(running)
        self._border.loaded = True
        if not self._is_open:  # last: who has waited for the port is served, not told to wait
            await self.open()
        await self._say(health_pb2.HealthCheckResponse.SERVING)
        dependencies.metrics.watch(dependencies.engine, dependencies.info, dependencies.config.version)
        dependencies.engine.on_serving(partial(self._serving, dependencies.metrics))

    def _serving(self, metrics: Metrics, serves: bool) -> None:
        """Whoever watches is told when nothing can be spoken any more, and when it can again."""
        metrics.serving(serves)
        status = health_pb2.HealthCheckResponse.SERVING if serves else health_pb2.HealthCheckResponse.NOT_SERVING
        self._telling = asyncio.create_task(self._say(status))

    async def _say(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in ("", SERVICE):
            await self._health.set(name, status)

    async def end(self, tells_s: float = 0.0) -> None:
        """There is no engine, or it broke. For `tells_s` seconds calls still get that error: once the transport stops,
        new calls are cancelled without it. Calls with audio waiting get it behind the audio, in twice that time."""
        await asyncio.sleep(tells_s)
        await asyncio.gather(self._server.stop(2 * tells_s), self._probes.stop(0.0))

    async def stop(self, at_once: asyncio.Event) -> None:
        """Drains first; `at_once` ends the drain."""
        await self._health.enter_graceful_shutdown()
        if self._handler is not None:
            self._handler.metrics.serving(False)
            draining = asyncio.create_task(self._handler.drain())
            hurry = asyncio.create_task(at_once.wait())
            await asyncio.wait({draining, hurry}, return_when=asyncio.FIRST_COMPLETED)
            for task in (draining, hurry):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(draining, hurry)
        grace_s = 0.0 if at_once.is_set() else _STOP_GRACE_S
        await asyncio.gather(self._server.stop(grace_s), self._probes.stop(grace_s))
        if self._handler is not None:
            self._fresh.cancel()
            self._handler.close()


def _arrivals(config: ServiceConfig) -> Arrivals:
    return Arrivals(per_s=config.connections_per_s, burst=CONNECTIONS_AT_ONCE, bursts=_bursts())


def _bursts() -> Rates:
    return Rates(per_s=BEGUN_PER_S, burst=BEGUN_AT_ONCE)


def bound(add_port: Callable[[str], int], address: str) -> int:
    """Binds `address`. Raises AddressError."""
    folder = Path(address.removeprefix("unix:")).absolute().parent
    if address.startswith("unix:") and not folder.is_dir():
        raise AddressError(f"cannot listen on {address}: there is no folder {folder}")
    try:
        return add_port(address)
    except RuntimeError:
        raise AddressError(f"cannot listen on {address}: not a local address, or the port is in use") from None


def transport_options(config: ServiceConfig) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", config.max_message_bytes),
        # More than are taken, so that the next one is told so; but not so many that refused ones could pile up.
        ("grpc.max_concurrent_streams", 2 * config.max_calls_per_connection),
        *keepalive_options(config),
    ]


def keepalive_options(config: ServiceConfig) -> list[tuple[str, int]]:
    """How a connection that is gone without a word is noticed."""
    return [
        ("grpc.keepalive_time_ms", round(config.keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", round(config.min_ping_interval_s * 1000)),
        ("grpc.http2.max_pings_without_data", 0),
    ]


def _add_reflection(server: grpc.aio.Server) -> None:
    """Reflection as v1alpha, the wheel's only version, and again under the name of v1, whose messages are the same."""
    names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    servicer = reflection.aio.ReflectionServicer(names)
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (reflection.SERVICE_NAME, _REFLECTION_V1):
        handler = grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})
        server.add_generic_rpc_handlers((handler,))
