"""An engine server's parts and its life: gapless.engine.v1 for gateways, by the rules of access of the service.

Bound first, so that a taken port is known before a model is loaded. Shutdown: no new utterances, running ones end
within the drain timeout or are left to other engines, then the transport.
"""

from __future__ import annotations

import asyncio
from functools import partial

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from gapless.doors.listening.rates import Rates
from gapless.doors.listening.reloading import keep_fresh
from gapless.engine.v1 import engine_pb2_grpc
from service.access.access import Access
from service.config import ServiceConfig
from service.engines.dial import MAX_MESSAGE_BYTES
from service.engines.in_process import InProcess
from service.engines.servicer import EngineServicer
from service.rpc.interceptor import Border
from service.rpc.limits import Arrivals, CallCount, CallLimits
from service.server import bound, keepalive_options, transport_options

SERVICE = "gapless.engine.v1.EngineService"
_MANY = 100_000  # gateways are trusted, and the engine has limits of its own
_STOP_GRACE_S = 1.0


class EngineServer:
    """`port` is the one bound, also if the address asked for port 0. Made inside a running event loop."""

    def __init__(self, config: ServiceConfig, access: Access | None = None) -> None:
        self._config, self._access = config, access or Access()
        rate = Rates(per_s=_MANY, burst=_MANY)
        refusals = Rates(per_s=config.refusals_per_s, burst=config.refusal_burst)
        count = CallCount(in_all=_MANY, per_connection=_MANY)
        arrivals = Arrivals(per_s=_MANY, burst=_MANY, bursts=rate)
        limits = CallLimits(count, arrivals=arrivals, bursts=rate, calls=rate, refusals=refusals, mistakes=rate)
        self._border = Border(limits, loaded=False)
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),  # else two servers share a port in silence
            *keepalive_options(config),
        ]
        self._server = grpc.aio.server(options=options, interceptors=[self._border, *self._access.interceptors()])
        self._health = health.aio.HealthServicer()
        self._probes = grpc.aio.server(options=transport_options(config))  # health alone, in plain text
        for server in (self._server, self._probes):
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        self._servicer: EngineServicer | None = None
        self._fresh: asyncio.Task[None] | None = None
        self.port = bound(partial(self._access.add_port, self._server), config.address)
        self.health_port = bound(self._probes.add_insecure_port, config.health_address) if config.health_address else 0

    async def open(self) -> None:
        """Tells probes that there is no engine yet."""
        await self._health.set("", health_pb2.HealthCheckResponse.UNKNOWN)
        await self._probes.start()

    async def start(self, engine: InProcess) -> None:
        """Serves this engine, which is warm."""
        self._servicer = EngineServicer(engine, self._config.version)
        engine_pb2_grpc.add_EngineServiceServicer_to_server(self._servicer, self._server)
        self._fresh = asyncio.create_task(keep_fresh(self._access.files), name="access-files")
        self._border.loaded = True
        for name in ("", SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def stop(self, drain_timeout_s: float) -> None:
        await self._health.enter_graceful_shutdown()
        if self._servicer is not None:
            await self._servicer.drain(drain_timeout_s)
        await asyncio.gather(self._server.stop(_STOP_GRACE_S), self._probes.stop(_STOP_GRACE_S))
        if self._fresh is not None:
            self._fresh.cancel()
