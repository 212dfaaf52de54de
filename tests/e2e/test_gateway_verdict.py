"""An engine's network is cut under a client of a gateway: the client's verdict names the move, and how long it took."""

from __future__ import annotations

import pytest

from client import Client
from client.attribution import Hop, analyse
from tests.service.engines.servers import MARK, Line, Stage, pool_over
from tests.service.engines.test_gateway import gateway

TEXT = "Over the wide river and through the old wood they went. "


async def test_a_move_is_to_blame_for_the_silence_that_it_made() -> None:
    stage, lines = Stage(), [Line(), Line()]
    for line in lines:
        address = await stage.add()
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
    assert (analysis.verdict.hop, analysis.verdict.audible) == (Hop.MOVE, True)
    assert analysis.verdict.ms == pytest.approx(moved.moved.length_ns / 1e6 if moved.moved else 0.0, abs=1)
    assert 250 < analysis.verdict.ms < 2000
    for budget in analysis.budgets:
        assert sum(budget.ms.values()) == pytest.approx(budget.total_ms)
        assert budget.explained >= 0.95
    assert any(Hop.ENGINE_WAY in budget.ms for budget in analysis.budgets)
