"""An engine that breaks while it serves: it went on saying SERVING, and calls came to nothing."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.rpc.handler import SERVICE
from tests.service.conftest import Served
from tests.service.talk import detail, end, say, seeded, text

Status = health_pb2.HealthCheckResponse


@pytest.mark.parametrize("name", ["", SERVICE])
async def test_whoever_watches_health_is_told(served: Served, name: str) -> None:
    watch = health_pb2_grpc.HealthStub(served.channel).Watch(health_pb2.HealthCheckRequest(service=name))
    assert (await watch.read()).status == Status.SERVING
    await asyncio.to_thread(served.engine.close)
    async with asyncio.timeout(2):
        assert (await watch.read()).status == Status.NOT_SERVING
    watch.cancel()


async def test_the_next_call_is_sent_elsewhere(served: Served) -> None:
    await asyncio.to_thread(served.engine.close)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await say(served.stub, [seeded(), text("Hello."), end()])
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
    info = detail(failure.value, error_details_pb2.ErrorInfo)
    assert info is not None
    assert info.reason == "ENGINE_CLOSED"
    async with asyncio.timeout(2):
        while served.metrics.registry.get_sample_value("gapless_serving"):
            await asyncio.sleep(0.002)
