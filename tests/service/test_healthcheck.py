"""`python -m service.healthcheck` as a process, wherever the service listens and whatever proxies are set."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.trace import NoOpTracer

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from service.access.access import Access, AccessConfig
from service.config import ServiceConfig
from service.engines.in_process import InProcess
from service.healthcheck import target
from service.rpc.session import Dependencies
from service.server import AddressError, Server
from tests.fakes import ScriptedEngine
from tests.service.access.certificates import LOOPBACK, Authority

DEAD = "http://127.0.0.1:9"
PROXIES = {"http_proxy": DEAD, "https_proxy": DEAD, "grpc_proxy": DEAD, "no_proxy": DEAD}
LISTENS = pytest.mark.parametrize(
    "listens", ["127.0.0.1:0", "[::1]:0", "unix:{}/gapless"], ids=["IPv4", "IPv6", "unix"]
)


async def check(**variables: str) -> tuple[int, str]:
    environ = {**os.environ, **PROXIES, **variables}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service.healthcheck", env=environ, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    return process.returncode or 0, told.decode()


@contextlib.asynccontextmanager
async def serving(config: ServiceConfig, access: AccessConfig | None = None) -> AsyncIterator[Server]:
    server = Server(config, Access.of(access or AccessConfig(), config.address))
    engine = ScriptedEngine()
    await server.start(Dependencies(engine=InProcess(engine), config=config, tracer=NoOpTracer()))
    try:
        yield server
    finally:
        await server.stop(asyncio.Event())
        engine.close()


def dialled(listens: str, port: int) -> str:
    return listens if listens.startswith("unix") else f"{listens.rpartition(':')[0]}:{port}"


def secured(folder: Path, *hosts: str, days: tuple[float, float] = (-1, 1), mutual: bool = False) -> AccessConfig:
    authority = Authority()
    certificate, key = authority.issue("speech", hosts=hosts, days=days).write(folder, "server")
    client_ca = folder / "clients.pem"
    client_ca.write_bytes(authority.pem)
    return AccessConfig(tls_cert=certificate, tls_key=key, tls_client_ca=client_ca if mutual else None)


@LISTENS
async def test_a_service_that_serves_is_healthy(listens: str, tmp_path: Path) -> None:
    """It dialled 127.0.0.1 whatever was said, and a proxy's variable made it say that nobody is there."""
    listens = listens.format(tmp_path)
    async with serving(ServiceConfig(address=listens)) as server:
        assert await check(GAPLESS_ADDRESS=dialled(listens, server.port)) == (0, "")


@LISTENS
@pytest.mark.parametrize("names", [("speech.example",), ("*.speech.example",), ("192.0.2.7",), LOOPBACK, ()])
async def test_a_service_with_tls_is_healthy_whatever_its_certificate_names(
    listens: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    """A container with --tls-cert called itself unhealthy, so that its orchestrator ended it again and again."""
    listens = listens.format(tmp_path)
    async with serving(ServiceConfig(address=listens), secured(tmp_path, *names)) as server:
        assert await check(GAPLESS_ADDRESS=dialled(listens, server.port)) == (0, "")


async def test_client_certificates_need_the_address_for_health_and_that_is_said(tmp_path: Path) -> None:
    config = ServiceConfig(address="127.0.0.1:0", health_address="127.0.0.1:0")
    async with serving(config, secured(tmp_path, mutual=True)) as server:
        status, told = await check(GAPLESS_ADDRESS=f"127.0.0.1:{server.port}")
        assert status == 1
        assert "--health-address" in told
        answer = await check(GAPLESS_ADDRESS="127.0.0.1:1", GAPLESS_HEALTH_ADDRESS=f"127.0.0.1:{server.health_port}")
        assert answer == (0, "")


async def test_the_address_for_health_tells_nothing_else() -> None:
    config = ServiceConfig(address="127.0.0.1:0", health_address="127.0.0.1:0")
    async with serving(config) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.health_port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await tts_pb2_grpc.TextToSpeechServiceStub(channel).GetServerInfo(pb.GetServerInfoRequest())
        assert told.value.code() is grpc.StatusCode.UNIMPLEMENTED
        reflection: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        )
        assert await reflection().code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_probe_does_not_wait_for_callers_of_the_same_host_who_come_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Behind a Kubernetes service callers and probes come from one address: who all came back at once, after a fault,
    had the probes of a server time out that had nothing but that to do."""
    monkeypatch.setattr("service.server.CONNECTIONS_AT_ONCE", 1)
    config = ServiceConfig(address="127.0.0.1:0", health_address="127.0.0.1:0", connections_per_s=0.1)
    async with serving(config) as server, contextlib.AsyncExitStack() as stack:
        for answered in (True, False):
            channel = await stack.enter_async_context(
                grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", [("grpc.use_local_subchannel_pool", 1)])
            )
            call = tts_pb2_grpc.TextToSpeechServiceStub(channel).GetServerInfo(pb.GetServerInfoRequest(), timeout=2)
            assert (await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED) is not answered
        probe = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{server.health_port}"))
        told = await health_pb2_grpc.HealthStub(probe).Check(health_pb2.HealthCheckRequest(), timeout=2)
        assert told.status == health_pb2.HealthCheckResponse.SERVING


async def test_an_address_for_health_that_is_taken_is_named() -> None:
    async with serving(ServiceConfig(address="127.0.0.1:0")) as server:
        taken = f"127.0.0.1:{server.port}"
        with pytest.raises(AddressError, match=taken):
            Server(ServiceConfig(address="127.0.0.1:0", health_address=taken))


async def test_a_service_that_drains_is_not_healthy() -> None:
    config = ServiceConfig(address="127.0.0.1:0", health_address="127.0.0.1:0")
    async with serving(config) as server:
        await server._health.enter_graceful_shutdown()
        status, told = await check(GAPLESS_HEALTH_ADDRESS=f"127.0.0.1:{server.health_port}")
        assert (status, told) == (1, f"not serving on 127.0.0.1:{server.health_port}: NOT_SERVING\n")


async def test_nobody_there_is_not_healthy_and_says_where_it_asked() -> None:
    status, told = await check(GAPLESS_ADDRESS="127.0.0.1:1")
    assert status == 1
    assert told.startswith("not serving on 127.0.0.1:1: ")
    assert "Traceback" not in told


def test_every_interface_is_dialled_at_loopback() -> None:
    assert target("0.0.0.0:50051") == "127.0.0.1:50051"
    assert target("[::]:50051") == "[::1]:50051"
    assert target("50052") == "127.0.0.1:50052"
    assert target("speech.example:1") == "speech.example:1"
