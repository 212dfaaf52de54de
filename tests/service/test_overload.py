"""More utterances than the engine takes: refused before anything is sent, with a hint when to come again."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.rpc import error_details_pb2

from tests.service.conftest import Serve
from tests.service.talk import detail, end, say, seeded, text


async def test_the_utterance_too_many_is_refused_with_a_retry_hint(serve: Serve) -> None:
    async with serve(max_utterances=2) as served:
        running = [served.stub.Synthesize([seeded("stuck"), text("Hello. ")]) for _ in range(2)]
        for call in running:
            assert (await call.read()).HasField("started")

        refused = served.stub.Synthesize([seeded(), text("Hello."), end()])
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            async for _ in refused:
                pass
        assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failure.value.details() == "2 of 2 utterances are running; retry in 0.5 s"
        retry = detail(failure.value, error_details_pb2.RetryInfo)
        assert retry is not None
        assert retry.retry_delay.ToMilliseconds() == 500
        assert dict(await refused.trailing_metadata())["grpc-retry-pushback-ms"] == "500"
        assert not await refused.initial_metadata()  # trailers only: the client's retry policy may act

        running[0].cancel()
        while served.engine.stats().slots_in_use == 2:
            await asyncio.sleep(0.002)
        assert (await say(served.stub, [seeded(), text("Hello."), end()])).finished.usage.samples > 0
        running[1].cancel()
