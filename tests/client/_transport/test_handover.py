"""The bounded buffer between two event loops, each in its own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import pytest

from client._transport.handover import Handover, HandoverClosed

T = TypeVar("T")


def in_another_thread(work: Coroutine[Any, Any, T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(asyncio.run(work))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="other-loop", daemon=True).start()
    return future


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.002)


async def test_items_arrive_in_order_then_the_end() -> None:
    handover: Handover[int] = Handover(3)

    async def give() -> None:
        for item in range(100):
            await handover.put(item)
        handover.close()

    giving = in_another_thread(give())
    taken = [(await handover.get())[1] for _ in range(100)]
    assert taken == list(range(100))
    with pytest.raises(HandoverClosed):
        await handover.get()
    giving.result(1)


async def test_a_full_buffer_stops_the_giver_until_one_is_taken() -> None:
    handover: Handover[int] = Handover(2)
    given: list[int] = []

    async def give() -> None:
        for item in range(4):
            await handover.put(item)
            given.append(item)

    giving = in_another_thread(give())
    await until(lambda: given == [0, 1])
    await asyncio.sleep(0.05)
    assert given == [0, 1]
    await handover.get()
    await until(lambda: given == [0, 1, 2])
    handover.close(drop=True)
    giving.result(1)
    assert len(handover) == 0


async def test_an_error_comes_after_the_items_before_it() -> None:
    handover: Handover[int] = Handover(2)
    await handover.put(1)
    handover.close(ValueError("broken"))
    handover.close()  # the first close decides
    assert (await handover.get())[1] == 1
    with pytest.raises(ValueError, match="broken"):
        await handover.get()


async def test_items_are_stamped_as_they_enter() -> None:
    handover: Handover[str] = Handover(2)
    await handover.put("early")
    await asyncio.sleep(0.03)
    await handover.put("late")
    early_ns, _ = await handover.get()
    late_ns, _ = await handover.get()
    assert late_ns - early_ns >= 0.03e9


async def test_a_cancelled_taker_loses_nothing() -> None:
    handover: Handover[int] = Handover(2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(handover.get(), 0.01)
    await handover.put(1)
    assert (await handover.get())[1] == 1
