"""A thread with an event loop of its own, which somebody owns: work is handed over, and `close` ends it in order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from ..errors import ClientClosed

T = TypeVar("T")


class LoopThread:
    """`close` from any other thread; a forgotten one does not keep the process."""

    def __init__(self, name: str) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._closed = False
        self._thread.start()
        self._ready.wait()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begins `work` on the thread's loop; cancelling the future cancels it there. Raises ClientClosed."""
        if self._closed:
            work.close()
            raise ClientClosed("the client is closed; use it inside `with` or `async with Client(...)`")
        return asyncio.run_coroutine_threadsafe(_seen(work), self._loop)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """For a coroutine of another loop: waits for `work`. Cancelling this cancels it there."""
        return await asyncio.wrap_future(self.start(work))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """For another thread: blocks until `work` is done. What interrupts this (Ctrl-C) cancels it there."""
        future = self.start(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancels what runs there and joins the thread. Idempotent."""
        if not self._closed:
            self._closed = True
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _main(self) -> None:
        asyncio.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._stop.wait()


async def _seen(work: Coroutine[Any, Any, T]) -> T:
    """Who waits for the work may be gone when it fails: then asyncio is not to complain that nobody saw the error."""
    task = asyncio.current_task()
    assert task is not None
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await work
