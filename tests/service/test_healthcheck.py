"""`python -m service.healthcheck` as a process, wherever the service listens and whatever proxies are set."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from opentelemetry.trace import NoOpTracer

from service.config import ServiceConfig
from service.healthcheck import target
from service.rpc.session import Dependencies
from service.server import Server
from tests.fakes import ScriptedEngine

DEAD = "http://127.0.0.1:9"
PROXIES = {"http_proxy": DEAD, "https_proxy": DEAD, "grpc_proxy": DEAD, "no_proxy": ""}


async def check(address: str) -> tuple[int, str]:
    environ = {**os.environ, **PROXIES, "GAPLESS_ADDRESS": address}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service.healthcheck", env=environ, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    return process.returncode or 0, told.decode()


@pytest.mark.parametrize("listens", ["127.0.0.1:0", "[::1]:0", "unix:{}/gapless"], ids=["IPv4", "IPv6", "unix"])
async def test_a_service_that_serves_is_healthy(listens: str, tmp_path: Path) -> None:
    """It dialled 127.0.0.1 whatever was said, and a proxy's variable made it say that nobody is there."""
    config = ServiceConfig(address=listens.format(tmp_path))
    server, engine = Server(config), ScriptedEngine()
    await server.start(Dependencies(engine=engine, config=config, tracer=NoOpTracer()))
    address = config.address if "unix" in listens else f"{listens.rpartition(':')[0]}:{server.port}"
    try:
        assert await check(address) == (0, "")
    finally:
        await server.stop(asyncio.Event())
        engine.close()


async def test_nobody_there_is_not_healthy_and_says_where_it_asked() -> None:
    status, told = await check("127.0.0.1:1")
    assert status == 1
    assert told.startswith("not serving on 127.0.0.1:1: ")
    assert "Traceback" not in told


def test_every_interface_is_dialled_at_loopback() -> None:
    assert target("0.0.0.0:50051") == "127.0.0.1:50051"
    assert target("[::]:50051") == "[::1]:50051"
    assert target("speech.example:1") == "speech.example:1"
