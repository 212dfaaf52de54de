"""The monitor beside an utterance, against a server that makes tones."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from client import Client
from client.attribution.hops import Hop
from client.attribution.monitor import LoopMonitor, Monitor
from client.attribution.verdict import analyse
from tests.client.fake_server import FakeServer

BLOCK_S = 0.2


@pytest.mark.real_time
async def test_a_blocked_loop_is_noted_with_its_length() -> None:
    monitor = LoopMonitor()
    await asyncio.sleep(0.03)
    time.sleep(BLOCK_S)
    await asyncio.sleep(0.03)
    monitor.stop()
    assert max(block.length_ns for block in monitor.blocks) == pytest.approx(BLOCK_S * 1e9, rel=0.2)


async def test_a_block_that_lasts_to_the_end_is_noted() -> None:
    monitor = LoopMonitor()
    await asyncio.sleep(0.03)
    time.sleep(BLOCK_S)
    monitor.stop()
    assert max(block.length_ns for block in monitor.blocks) > BLOCK_S * 0.8e9


async def test_the_server_s_clock_is_asked_again_and_again(server: FakeServer) -> None:
    server.clock_shift_ns = 5_000_000_000
    async with Client(server.address) as client:
        async with Monitor(client) as monitor:
            async with asyncio.timeout(5):
                while len(monitor.observations().exchanges) < 4:
                    await asyncio.sleep(0.02)
        exchanges = monitor.observations().exchanges
    offset_ns = exchanges[-1].server_sent_ns - exchanges[-1].received_ns
    assert offset_ns == pytest.approx(server.clock_shift_ns, abs=500e6)


async def test_the_probes_go_on_while_the_program_s_loop_stands_still(server: FakeServer) -> None:
    async with Client(server.address) as client, Monitor(client) as monitor:
        await asyncio.sleep(0.1)
        before = len(monitor.observations().exchanges)
        time.sleep(5 * BLOCK_S)
        assert len(monitor.observations().exchanges) > before


async def test_a_block_of_the_program_is_blamed_on_it(server: FakeServer) -> None:
    async with Client(server.address) as client, Monitor(client) as monitor:
        async with client.utterance() as utterance:
            await utterance.push("Many words that are spoken one after the other, to the end.")
            await utterance.end()
            async for chunk in utterance:
                if chunk.seq == 3:
                    time.sleep(3 * BLOCK_S)
        await asyncio.sleep(0.05)
    analysis = analyse(utterance.record, observations=monitor.observations())
    assert Hop.CLIENT_LOOP in {anomaly.hop for anomaly in analysis.verdict.anomalies}


async def test_the_prober_leaves_no_thread_behind(server: FakeServer) -> None:
    async with Client(server.address) as client:
        async with Monitor(client):
            pass
        assert "gapless-prober" not in {thread.name for thread in threading.enumerate()}


async def test_a_server_that_is_gone_does_not_stop_the_watch() -> None:
    with FakeServer() as server:
        async with Client(server.address) as client:
            server.stop()
            async with Monitor(client) as monitor:
                pass
    assert monitor.observations().exchanges == ()
