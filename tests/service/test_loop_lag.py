"""The event loop's probe, and that the service itself never blocks the loop."""

from __future__ import annotations

import asyncio
import time

from service.loop_lag import LoopLag
from tests.service.conftest import Served
from tests.service.talk import end, say, seeded, text


async def test_a_block_is_seen_once_by_every_watcher() -> None:
    probe = LoopLag(0.005)
    with probe.watch() as first, probe.watch() as second:
        await asyncio.sleep(0.02)
        first.take_s()
        time.sleep(0.1)
        assert first.take_s() > 0.08  # still overdue: seen before the tick
        await asyncio.sleep(0.02)
        assert second.take_s() > 0.08
        assert second.take_s() < 0.05


async def test_nothing_ticks_while_nobody_watches() -> None:
    probe = LoopLag(0.005)
    with probe.watch():
        pass
    time.sleep(0.05)
    with probe.watch() as watch:
        assert watch.take_s() < 0.04


async def test_the_service_does_not_block_the_loop(served: Served) -> None:
    sentence = text("Several words of a longer sentence that is spoken at once. " * 3)
    heard = await asyncio.gather(*[say(served.stub, [seeded(), sentence, end()]) for _ in range(4)])
    lags = [chunk.timings.loop_lag_max.ToNanoseconds() / 1e9 for one in heard for chunk in one.chunks]
    assert max(lags) < 0.2  # generous: the machine may be busy
