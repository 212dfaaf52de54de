"""A bounded buffer from one coroutine on one event loop to one coroutine on another, in another thread.

Items, stamped as they enter, then end or error, arrive in order: `put* then close() or close(error)`. Nobody polls:
a side that has to wait leaves a future of its own loop, and the other side sets it by `call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import Generic, TypeVar

from .._clock import now_ns

T = TypeVar("T")


class HandoverClosed(Exception):
    """The end: nothing follows."""


class _Waiter:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self._loop.create_future()

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop of the one who waited is gone, and he with it
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> None:
        await self._future


class Handover(Generic[T]):
    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[tuple[int, T]] = deque()
        self._closed = False
        self._error: Exception | None = None
        self._taker: _Waiter | None = None
        self._giver: _Waiter | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, item: T) -> None:
        """Waits while the buffer is full. After close, items go nowhere."""
        while True:
            with self._lock:
                if self._closed:
                    return
                if len(self._items) < self._capacity:
                    self._items.append((now_ns(), item))
                    self._wake_taker()
                    return
                waiter = self._giver = _Waiter()
            await waiter.wait()

    async def get(self) -> tuple[int, T]:
        """Waits for an item; with it, when it entered. After the last one raises what `close` was given, or
        HandoverClosed."""
        while True:
            with self._lock:
                if self._items:
                    item = self._items.popleft()
                    self._wake_giver()
                    return item
                if self._closed:
                    raise self._error or HandoverClosed
                waiter = self._taker = _Waiter()
            await waiter.wait()

    def close(self, error: Exception | None = None, *, drop: bool = False) -> None:
        """The first call decides. `drop`: what waits is not wanted any more. From any thread."""
        with self._lock:
            if drop:
                self._items.clear()
            if not self._closed:
                self._closed, self._error = True, error
            self._wake_taker()
            self._wake_giver()

    def _wake_taker(self) -> None:
        if self._taker:
            self._taker.wake()
            self._taker = None

    def _wake_giver(self) -> None:
        if self._giver:
            self._giver.wake()
            self._giver = None
