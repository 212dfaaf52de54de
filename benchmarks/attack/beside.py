"""Processes that work beside a benchmark: each says a line when it begins, works until its standard input ends, and
then says in one JSON object what it saw."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from typing import Any

LOWEST_PRIORITY = 19
BEGINS = "begins"


@contextlib.asynccontextmanager
async def beside(module: str, *arguments: str, niceness: int = 0) -> AsyncIterator[dict[str, Any]]:
    """Runs `python -m module` and yields once it has begun. What it says at the end is in the dictionary afterwards;
    nothing, if it broke."""
    command = ["nice", "-n", str(niceness), sys.executable, "-m", module, *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    said: dict[str, Any] = {}
    try:
        await process.stdout.readline()
        yield said
        last, _ = await process.communicate(b"")  # ends its input
        said |= json.loads(last or b"{}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def begins() -> None:
    print(BEGINS, flush=True)


def until_told() -> None:
    """Blocks until the standard input ends."""
    sys.stdin.read()
