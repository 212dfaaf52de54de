"""An engine's network is cut under a client of a gateway: the client knows the move, and how long it took."""

from __future__ import annotations

import pytest

from client import Client
from client.attribution import Hop, analyse
from tests.client.conftest import MS
from tests.service.engines.servers import MARK, Line, Stage, pool_over
from tests.service.engines.test_gateway import gateway

TEXT = "Over the wide river and through the old wood they went. "


async def test_a_move_is_found_with_its_length_and_explains_the_silence_that_it_made() -> None:
    stage, lines = Stage(), [Line(), Line()]
    for line in lines:
        address = await stage.add(channel_s=0.2)
        stage.addresses.discard(address)
        stage.addresses.add(await line.to(address))
    ways = dict(zip(stage.engines, lines, strict=True))
    async with (
        pool_over(stage, 2) as pool,
        gateway(pool) as served,
        Client(served.address) as client,
        client.utterance(voice="karl", seed=MARK, max_lead=0.1) as utterance,
    ):
        await utterance.push(TEXT)
        await utterance.end()
        async for chunk in utterance:
            if chunk.seq == 3:
                next(ways[address] for address, engine in stage.engines.items() if engine.submitted).cut()
    for line in lines:
        await line.close()
    assert pool.moves == 1
    analysis = analyse(utterance.record)
    (moved,) = [one for one in analysis.chunks if one.moved]
    assert moved.spoken_again
    assert moved.moved
    (move,) = [one for one in analysis.verdict.anomalies if one.hop is Hop.MOVE]
    assert move.audible
    assert move.chunks == (moved.seq,)
    blocked_ms = analysis.blocks.length_ns(Hop.SERVER_LOOP) / 1e6  # of a busy machine, which may explain a part of it
    assert 0 <= moved.moved.length_ns / 1e6 - move.ms <= blocked_ms + 0.01
    assert moved.moved.length_ns > 250 * MS  # what it takes to miss three heartbeats
    for budget in analysis.budgets:
        assert sum(budget.ms.values()) == pytest.approx(budget.total_ms)
        assert budget.explained >= 0.95
    assert any(Hop.ENGINE_WAY in budget.ms for budget in analysis.budgets)
