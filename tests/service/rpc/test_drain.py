"""Shutting down: new utterances are refused, running ones finish, and the drain ends in time."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.trace import NoOpTracer

from gapless.tts.v1 import tts_pb2_grpc
from service.config import ServiceConfig
from service.engines.in_process import InProcess
from service.rpc.session import Dependencies
from service.server import Server
from tests.fakes import ScriptedEngine
from tests.service.conftest import Serve
from tests.service.talk import end, say, seeded, text
from tests.service.test_synthesize import SENTENCE, expected_pcm


async def test_running_utterances_finish_and_new_ones_are_refused(serve: Serve) -> None:
    async with serve() as served:
        running = asyncio.create_task(say(served.stub, [seeded("slow"), text(SENTENCE), end()]))
        while not served.engine.stats().utterances:
            await asyncio.sleep(0.005)
        stopping = asyncio.create_task(served.server.stop(asyncio.Event()))
        await asyncio.sleep(0.02)

        health = health_pb2_grpc.HealthStub(served.channel)
        assert (
            await health.Check(health_pb2.HealthCheckRequest())
        ).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await say(served.stub, [seeded(), text("Hello."), end()])
        assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "shutting down" in (failure.value.details() or "")

        heard = await running
        assert heard.pcm == expected_pcm(SENTENCE, voice="slow")
        assert heard.warnings == ["DRAINING"]
        await stopping


async def test_the_drain_timeout_ends_what_does_not_finish(serve: Serve) -> None:
    async with serve(drain_timeout_s=0.2) as served:
        stuck = asyncio.create_task(say(served.stub, [seeded("stuck"), text(SENTENCE)]))
        while not served.engine.stats().utterances:
            await asyncio.sleep(0.005)
        start_s = time.monotonic()
        await served.server.stop(asyncio.Event())
        assert time.monotonic() - start_s < 5.0
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await stuck
        assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "did not end within 0.2 s" in (failure.value.details() or "")


async def test_a_second_signal_stops_at_once(serve: Serve) -> None:
    async with serve(drain_timeout_s=60) as served:
        stuck = asyncio.create_task(say(served.stub, [seeded("stuck"), text(SENTENCE)]))
        while not served.engine.stats().utterances:
            await asyncio.sleep(0.005)
        at_once = asyncio.Event()
        stopping = asyncio.create_task(served.server.stop(at_once))
        await asyncio.sleep(0.05)
        at_once.set()
        async with asyncio.timeout(5):
            await stopping
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await stuck
        assert failure.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_client_that_comes_before_the_model_is_warm_is_served_when_it_is() -> None:
    """The port is bound at once; calls wait for the start instead of failing."""
    config = ServiceConfig(address="127.0.0.1:0")
    server = Server(config)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        early = asyncio.create_task(say(tts_pb2_grpc.TextToSpeechServiceStub(channel), [seeded(), text("Hello.")]))
        await asyncio.sleep(0.2)
        engine = ScriptedEngine()
        await server.start(Dependencies(engine=InProcess(engine), config=config, tracer=NoOpTracer()))
        assert (await early).finished.usage.samples > 0
    await server.stop(asyncio.Event())
    engine.close()


async def test_an_idle_server_stops_at_once(serve: Serve) -> None:
    async with serve(drain_timeout_s=60) as served, asyncio.timeout(5):
        await served.server.stop(asyncio.Event())
