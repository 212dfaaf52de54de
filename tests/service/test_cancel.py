"""Cancelled calls leave nothing: no slot, no thread, no queue, and the next utterance is as good as the first."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import grpc
import pytest

from engine.messages import EngineStats
from gapless.tts.v1 import tts_pb2 as pb
from tests.fakes import ScriptedEngine
from tests.service.conftest import Serve, Served
from tests.service.talk import end, say, seeded, text
from tests.service.test_synthesize import SENTENCE, expected_pcm

NOTHING = EngineStats(utterances=0, tokens_waiting=0, samples_unreleased=0, slots_in_use=0)


async def freed(engine: ScriptedEngine, within_s: float) -> bool:
    """Cancel is seen before the next token: wait for it, but not long."""
    until_s = time.monotonic() + within_s
    while engine.stats() != NOTHING and time.monotonic() < until_s:
        await asyncio.sleep(0.002)
    return engine.stats() == NOTHING


async def test_cancel_frees_the_slot_at_once(served: Served) -> None:
    call = served.stub.Synthesize()
    for request in (seeded("slow"), text(SENTENCE)):
        await call.write(request)
    async for event in call:
        if event.HasField("audio"):
            break
    call.cancel()
    assert await freed(served.engine, within_s=5)


async def test_a_client_that_vanishes_frees_the_slot(served: Served) -> None:
    """Not a cancel of the call: the whole connection goes."""
    async with grpc.aio.insecure_channel(served.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = type(served.stub)(channel)
        call = stub.Synthesize()
        for request in (seeded("stuck"), text(SENTENCE)):
            await call.write(request)
        assert (await call.read()).HasField("started")
    assert await freed(served.engine, within_s=5)


async def test_a_deadline_frees_the_slot(served: Served) -> None:
    call = served.stub.Synthesize([seeded("stuck"), text(SENTENCE)], timeout=0.2)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        async for _ in call:
            pass
    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert await freed(served.engine, within_s=5)


async def test_two_hundred_cancels_at_random_moments_leave_nothing(serve: Serve) -> None:
    async with serve(max_utterances=8) as served:
        before_s = await fastest_of_five(served)
        tasks, threads = len(asyncio.all_tasks()), threading.active_count()
        moments = random.Random(4)

        async def cancelled_utterance() -> None:
            voice = moments.choice(["anna", "karl", "slow", "stuck"])
            requests = [seeded(voice), *[text(word + " ") for word in SENTENCE.split()], end()]
            call = served.stub.Synthesize(requests[: moments.randint(0, len(requests))])
            task = asyncio.create_task(_read_all(call))
            await asyncio.sleep(moments.random() * 0.03)
            if moments.random() < 0.2:
                call.cancel()
            else:
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            call.cancel()

        for _ in range(50):
            await asyncio.gather(*[cancelled_utterance() for _ in range(4)])
        assert await freed(served.engine, within_s=5)
        until_s = time.monotonic() + 5
        while time.monotonic() < until_s and (threading.active_count() > threads or len(asyncio.all_tasks()) > tasks):
            await asyncio.sleep(0.01)
        assert threading.active_count() <= threads
        assert len(asyncio.all_tasks()) <= tasks
        assert await fastest_of_five(served) < before_s + 0.15  # the machine may be busy


async def fastest_of_five(served: Served) -> float:
    """Seconds of a whole utterance, whose audio is right."""
    took_s = []
    for _ in range(5):
        start_s = time.monotonic()
        heard = await say(served.stub, [seeded(), text(SENTENCE), end()])
        took_s.append(time.monotonic() - start_s)
        assert heard.pcm == expected_pcm(SENTENCE)
    return min(took_s)


async def _read_all(call: grpc.aio.StreamStreamCall[pb.SynthesizeRequest, pb.SynthesizeResponse]) -> None:
    async for _ in call:
        pass
