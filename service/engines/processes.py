"""Engine servers as child processes of this one, each on a socket in a folder that nobody else may enter.

A child that ends is started again. Children end when this process does, however it ends: their standard input closes.
They stay in its session: Linux may share the processor between sessions, and then threads give way in their own only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from service import process_end
from service.engines.errors import CannotStart

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 10.0  # before a child is started again
_LONG_S = 30.0  # a child that ran so long is started again at once
_END_LIMIT_S = 5.0
_COMMAND = ("-m", "service", "engine")

_log = logging.getLogger(__name__)


class Processes:
    """`find` gives addresses as `service.engines.pool.Addresses`."""

    def __init__(self, environs: Sequence[Mapping[str, str]], command: Sequence[str] = _COMMAND) -> None:
        """One child with each of `environs`: its flags as variables."""
        self._command = [sys.executable, *command]
        self._folder = tempfile.TemporaryDirectory(prefix="gapless-engines-")
        self._children: dict[int, asyncio.subprocess.Process] = {}
        self.failed: asyncio.Future[CannotStart] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(self._keep(number, one)) for number, one in enumerate(environs)]

    def _address(self, number: int) -> str:
        return f"unix:{Path(self._folder.name) / f'{number}.sock'}"

    async def find(self) -> Sequence[str]:
        return [self._address(number) for number in range(len(self._tasks))]

    @property
    def pids(self) -> Sequence[int]:
        return [child.pid for _, child in sorted(self._children.items())]

    async def _keep(self, number: int, environ: Mapping[str, str]) -> None:
        pause_s, loop = _FIRST_PAUSE_S, asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                self._note_end(number, await self._run_once(number, environ))
            except OSError as error:  # no memory for it, or no descriptor: that may pass
                _log.error("engine process %d cannot be started: %s; it is tried again", number, error)
            pause_s = _FIRST_PAUSE_S if loop.time() - began > _LONG_S else min(2 * pause_s, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _run_once(self, number: int, environ: Mapping[str, str]) -> int:
        address = self._address(number)
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)
        child = await asyncio.create_subprocess_exec(
            *self._command,
            env={**_others(), **environ, "GAPLESS_ADDRESS": address, "GAPLESS_WITH_PARENT": "true"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            process_group=0,  # a Ctrl-C is for this process, which drains first
        )
        self._children[number] = child
        return await child.wait()

    def _note_end(self, number: int, code: int) -> None:
        if code in (process_end.CANNOT_START, process_end.WRONG_OPTIONS) and not self.failed.done():
            self.failed.set_result(CannotStart(f"the engine's process ended with status {code}"))
        _log.error("engine process %d ended with status %d; it is started again", number, code)

    async def close(self) -> None:
        """Ends the children: asked first, then killed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(_end(child) for child in self._children.values()))
        self._folder.cleanup()


def _others() -> dict[str, str]:
    """This process's variables but for flags, which are the gateway's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GAPLESS_")}


async def _end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(child.wait(), _END_LIMIT_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
