"""A thread with an event loop: work handed over, cancelled, failed."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

from client._transport.loop_thread import LoopThread


@pytest.fixture
def reader() -> Iterator[LoopThread]:
    reader = LoopThread("gapless-test-reader")
    yield reader
    reader.close()


async def test_work_runs_on_the_readers_thread_and_its_error_reaches_who_waits(reader: LoopThread) -> None:
    async def name() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise ValueError("on purpose")

    assert await reader.run(name()) == "gapless-test-reader"
    with pytest.raises(ValueError, match="on purpose"):
        await reader.run(fail())


async def test_an_error_that_nobody_waits_for_any_more_is_no_noise(
    reader: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    gc.collect()
    caplog.clear()  # of what tests before this one left
    began, failed = threading.Event(), threading.Event()

    async def fail_when_cancelled() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            failed.set()
            raise ValueError("the utterance has ended") from None

    waiting = asyncio.create_task(reader.run(fail_when_cancelled()))
    assert await asyncio.to_thread(began.wait, 5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(failed.wait, 5)
    reader.close()
    gc.collect()
    assert "never retrieved" not in caplog.text
