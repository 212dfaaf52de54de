"""A real Prometheus takes what the server says, and its own checker finds nothing to blame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from benchmarks.support.prometheus import Prometheus, prometheus
from service.observability.metrics import Exposition
from tests.programs import need_prometheus
from tests.service.conftest import Served
from tests.service.talk import end, say, seeded, text


@asynccontextmanager
async def scraped(served: Served) -> AsyncIterator[Prometheus]:
    """After utterances that ended in every way."""
    need_prometheus()
    await say(served.stub, [seeded(), text("One two three."), end()])
    for broken in (seeded("broken"), seeded("nobody")):
        with pytest.raises(grpc.aio.AioRpcError):
            await say(served.stub, [broken, text("One two three."), end()])
    exposition = await asyncio.to_thread(Exposition, served.metrics.registry, "127.0.0.1", 0)
    try:
        with prometheus(exposition.port) as scraper:
            yield scraper
    finally:
        await asyncio.to_thread(exposition.close)


async def test_it_scrapes_and_answers_and_its_checker_finds_nothing_to_blame(served: Served) -> None:
    spoken = 'gapless_utterances_total{code="OK",reason="COMPLETED"}'
    async with scraped(served) as scraper, asyncio.timeout(30):
        while (found := await asyncio.to_thread(scraper.ask, spoken)) is None:
            await asyncio.sleep(0.2)
        await asyncio.to_thread(scraper.check)
        seen = await asyncio.to_thread(scraper.scraped)
    assert found == 1
    assert seen.answered == seen.scrapes >= 1
    assert (seen.checked, seen.blamed) == (1, ())
