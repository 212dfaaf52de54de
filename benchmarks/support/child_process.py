"""A process of its own that is given commands until the other end of its pipe is closed."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

START_LIMIT_S = 120.0


@dataclass(frozen=True)
class Child:
    ready: Any  # what it said when it was ready; of a server its port
    commands: Connection
    pid: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ready}"


@contextlib.contextmanager
def child_process(main: Callable[..., None], *arguments: Any) -> Iterator[Child]:
    """Runs `main(commands, *arguments)`, which sends something when it is ready. Raises RuntimeError if it never is."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=main, args=[theirs, *arguments], daemon=True)
    process.start()
    theirs.close()
    assert process.pid is not None
    try:
        if not ours.poll(START_LIMIT_S):
            raise RuntimeError("the process did not get ready")
        yield Child(ours.recv(), ours, process.pid)
    finally:
        ours.close()
        process.join(30)


async def obey(commands: Connection, carry_out: Callable[[Any], object]) -> None:
    """Carries commands out, on a thread, until the other end is closed."""

    def read() -> None:
        with contextlib.suppress(EOFError):
            while True:
                carry_out(commands.recv())

    await asyncio.to_thread(read)
