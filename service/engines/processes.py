"""Engine servers as child processes of this one, each on a socket in a folder that nobody else may enter.

A child that ends is started again, and one that hangs is killed. Children end when this process does, however it ends:
their standard input closes. They stay in its session: Linux may share the processor between sessions, and then threads
give way in their own only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.clock import now_ns
from service import process_end
from service.engines.errors import CannotStart
from service.engines.pool import Pool
from service.engines.remote import Remote, State

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 10.0  # before a child is started again
_LONG_S = 30.0  # a child that ran so long is started again at once
_END_LIMIT_S = 5.0
_HANGS_AFTER_S = 15.0  # of silence
_LOOK_S = 0.5
_COMMAND = ("-m", "service", "engine")
_UNIX = "unix:"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Child:
    process: asyncio.subprocess.Process
    began_ns: int

    def is_silent(self, engine: Remote | None) -> bool:
        """Whether it has served and does not answer any more. One that loads may take its time."""
        if engine is None or self.process.returncode is not None:
            return False
        return engine.state is State.CONNECTING and engine.joined_ns > self.began_ns

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


class Processes:
    """`find` gives addresses as `service.engines.pool.Addresses`."""

    def __init__(self, environs: Sequence[Mapping[str, str]], command: Sequence[str] = _COMMAND) -> None:
        """One child with each of `environs`: its flags as variables."""
        self._command = [sys.executable, *command]
        self._folder = tempfile.TemporaryDirectory(prefix="gapless-engines-")
        self.children: dict[str, Child] = {}  # by address
        self.failed: asyncio.Future[CannotStart] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(self._keep(number, one)) for number, one in enumerate(environs)]

    def _address(self, number: int) -> str:
        return f"{_UNIX}{Path(self._folder.name) / f'{number}.sock'}"

    async def find(self) -> Sequence[str]:
        return [self._address(number) for number in range(len(self._tasks))]

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
        Path(address.removeprefix(_UNIX)).unlink(missing_ok=True)
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env={**_others(), **environ, "GAPLESS_ADDRESS": address, "GAPLESS_WITH_PARENT": "true"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            process_group=0,  # a Ctrl-C is for this process, which drains first
        )
        self.children[address] = Child(process, now_ns())
        return await process.wait()

    def _note_end(self, number: int, code: int) -> None:
        if code in (process_end.CANNOT_START, process_end.WRONG_OPTIONS) and not self.failed.done():
            self.failed.set_result(CannotStart(f"the engine's process ended with status {code}"))
        _log.error("engine process %d ended with status %d; it is started again", number, code)

    async def close(self) -> None:
        """Ends the children: asked first, then killed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(_end(child) for child in self.children.values()))
        self._folder.cleanup()


async def keep_answering(processes: Processes, pool: Pool, hangs_after_s: float = _HANGS_AFTER_S) -> None:
    """Until it is cancelled. A thread that hangs with Python's lock, in a driver perhaps, has stopped those that would
    see it. Silence counts in looks: a process that stood still itself has looked at nothing."""
    looks: Counter[str] = Counter()  # in a row in which a child was silent, by its address
    while True:
        await asyncio.sleep(_LOOK_S)
        children = processes.children
        silent = [address for address, child in children.items() if child.is_silent(pool.engines.get(address))]
        looks = Counter({address: looks[address] + 1 for address in silent})
        for address in silent:
            if looks[address] * _LOOK_S >= hangs_after_s:
                _log.error("the engine process at %s says nothing for %g s: it is killed", address, hangs_after_s)
                children[address].kill()


def _others() -> dict[str, str]:
    """This process's variables but for flags, which are the gateway's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GAPLESS_")}


def leave_socket(address: str) -> None:
    """Takes a child's socket away, and the folder with the last one in it: in place of a parent that is gone."""
    if not address.startswith(_UNIX):
        return
    socket = Path(address.removeprefix(_UNIX))
    with contextlib.suppress(OSError):
        socket.unlink(missing_ok=True)
        socket.parent.rmdir()


async def _end(child: Child) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.process.terminate()
    try:
        await asyncio.wait_for(child.process.wait(), _END_LIMIT_S)
    except TimeoutError:
        child.kill()
        await child.process.wait()
