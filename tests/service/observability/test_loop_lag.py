"""The event loop's probe, and that the service itself never blocks the loop."""

from __future__ import annotations

import asyncio
import time

import pytest

from engine.clock import now_ns
from gapless.tts.v1 import tts_pb2
from service.observability.loop_lag import LoopLag
from tests.service.conftest import Served
from tests.service.talk import end, say, seeded, text


async def test_a_block_is_seen_once_by_every_watcher() -> None:
    probe = LoopLag(0.005)
    with probe.watch() as first, probe.watch() as second:
        await asyncio.sleep(0.02)
        first.take_s()
        time.sleep(0.5)
        assert first.take_s() > 0.45  # still overdue: seen before the tick
        await asyncio.sleep(0.02)
        assert second.take_s() > 0.45
        assert second.take_s() < 0.4


async def test_every_watcher_is_told_the_largest_lag_since_he_asked_last() -> None:
    probe = LoopLag(0.002)
    with probe.watch() as often, probe.watch() as seldom:
        told = []
        for block_s in (0.0, 0.05, 0.0, 0.12, 0.0):
            await asyncio.sleep(0.01)
            time.sleep(block_s)
            await asyncio.sleep(0.01)
            told.append(often.take_s())
        assert seldom.take_s() == max(told)
        assert told[3] > 0.1 > told[1] > 0.03


async def test_nothing_ticks_while_nobody_watches() -> None:
    probe = LoopLag(0.005)
    with probe.watch():
        pass
    time.sleep(0.5)
    with probe.watch() as watch:
        assert watch.take_s() < 0.4


@pytest.mark.real_time
async def test_the_service_does_not_block_the_loop(served: Served) -> None:
    sentence = text("Several words of a longer sentence that is spoken at once. " * 3)
    heard = await asyncio.gather(*[say(served.stub, [seeded(), sentence, end()]) for _ in range(4)])
    lags = [chunk.timings.loop_lag_max.ToNanoseconds() / 1e9 for one in heard for chunk in one.chunks]
    assert max(lags) < 0.2  # generous: the machine may be busy


async def test_a_block_is_told_with_its_beginning() -> None:
    probe = LoopLag(0.005)
    with probe.watch() as watch:
        await asyncio.sleep(0.02)
        watch.take()
        began_ns = now_ns()
        time.sleep(0.5)
        lag = watch.take()
        assert abs(lag.from_ns - began_ns) < 200_000_000
        await asyncio.sleep(0.02)
        assert probe.recent().from_ns == pytest.approx(lag.from_ns, abs=1_000_000)  # the same block, told twice


async def test_whoever_asks_from_time_to_time_learns_of_blocks_between() -> None:
    """Also before any utterance runs: a call that waits for a blocked loop is to know why it waited."""
    probe = LoopLag(0.005)
    probe.keep_watching()
    await asyncio.sleep(0.02)
    time.sleep(0.1)
    await asyncio.sleep(0.02)
    assert probe.recent().s > 0.08


async def test_nobody_asks_nobody_ticks() -> None:
    probe = LoopLag(0.005)
    time.sleep(0.05)
    assert probe.recent().s == 0


async def test_the_probe_call_tells_of_a_block(served: Served) -> None:
    await served.stub.ProbeClock(tts_pb2.ProbeClockRequest())
    await asyncio.sleep(0.05)
    time.sleep(0.15)  # the service runs on this loop
    reply = await served.stub.ProbeClock(tts_pb2.ProbeClockRequest())
    assert reply.loop_lag_max.ToNanoseconds() > 0.1e9
    assert reply.server_receive_unix_nanos - reply.loop_lag_from_unix_nanos > 0.1e9
