"""A cluster of Ray, seen from a gateway: engines that Ray places, starts again and ends, and where they listen.

What speaks with Ray is a child process (`service.engines.ray_driver`), started again if it ends; its engines end with
it. A lost engine is found by its heartbeat (`service.engines.remote`), never by Ray, which may take a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.engines.errors import CannotStart
from service.engines.ray_actor import Phase
from service.engines.ray_driver import Settings

_ROOT = Path(__file__).resolve().parents[2]
_COMMAND = ("-m", "service.engines.ray_driver")
_PAUSE_S = 5.0  # before the child is started again
_END_LIMIT_S = 8.0
_MAX_LINE_BYTES = 1 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Managed:
    """An engine, as Ray has it."""

    phase: Phase
    address: str = ""
    node: str = ""
    process: str = ""
    why: str = ""


def check_installed() -> None:
    """Raises CannotStart."""
    if importlib.util.find_spec("ray") is None:
        raise CannotStart("--engines ray needs Ray, which is not installed: pip install '.[ray]'")


class RayCluster:
    """Implements `service.engines.scaling.Cluster`; `find` gives addresses as `service.engines.pool.Addresses`. Made
    inside a running event loop."""

    def __init__(self, settings: Settings, command: Sequence[str] = _COMMAND, pause_s: float = _PAUSE_S) -> None:
        self._settings, self._command, self._pause_s = settings, command, pause_s
        self._numbers = itertools.count(1)
        self._child: asyncio.subprocess.Process | None = None
        self.joined = False
        self.engines: dict[str, Managed] = {}
        self.failed: asyncio.Future[CannotStart] = asyncio.get_running_loop().create_future()
        self._keeping = asyncio.create_task(self._keep(), name="ray")

    async def find(self) -> Sequence[str]:
        return [engine.address for engine in self.engines.values() if engine.phase is Phase.SERVING]

    def add(self) -> None:
        name = f"engine-{next(self._numbers)}"
        self.engines[name] = Managed(Phase.WAITING)
        self._send({"add": name})

    def drain(self, name: str) -> None:
        if self.engines[name].phase is Phase.WAITING:
            self.remove(name)
            return
        self.engines[name] = Managed(Phase.DRAINING, self.engines[name].address)
        self._send({"drain": name})

    def remove(self, name: str) -> None:
        del self.engines[name]
        self._send({"remove": name})

    def _send(self, command: Mapping[str, str]) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.write(json.dumps(command).encode() + b"\n")

    async def _keep(self) -> None:
        while True:
            try:
                status = await self._run_once()
                _log.error("the process that speaks with Ray ended with status %d; it is started again", status)
            except OSError as error:
                _log.error("the process that speaks with Ray cannot be started: %s; it is tried again", error)
            except (ValueError, KeyError, TypeError) as error:
                _log.error("the process that speaks with Ray says what cannot be read: %s; it is started again", error)
                await self._kill()
            self.joined, self._child = False, None
            self.engines.clear()
            await asyncio.sleep(self._pause_s)

    async def _run_once(self) -> int:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._command,
            cwd=_ROOT,  # where Ray's workers look for this project, too
            env={name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},  # it is in the settings
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is for this process, which drains first
            limit=_MAX_LINE_BYTES,
        )
        self._child = child
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(self._settings.write().encode() + b"\n")
        async for line in child.stdout:
            self._hear(json.loads(line))
        return await child.wait()

    def _hear(self, told: Mapping[str, object]) -> None:
        match told:
            case {"joined": True}:
                self.joined = True
            case {"error": str(why)}:
                self._fail(f"Ray cannot be had: {why}")
            case {"engines": dict(engines)}:
                for name in self.engines.keys() & engines.keys():
                    self._note(name, Managed(**{**engines[name], "phase": Phase(engines[name]["phase"])}))

    def _note(self, name: str, engine: Managed) -> None:
        before = self.engines[name]
        if before.phase is Phase.DRAINING and engine.phase not in (Phase.DRAINING, Phase.ENDED):
            return  # it was told before it heard
        self.engines[name] = engine
        if engine.phase is before.phase:
            return
        _log.info("%s: %s %s", name, engine.phase, engine.address or engine.why)
        if engine.phase is Phase.FAILED:
            self._fail(f"an engine server cannot start: {engine.why}")

    def _fail(self, why: str) -> None:
        _log.error("%s", why)
        if not self.failed.done():
            self.failed.set_result(CannotStart(why))

    async def close(self) -> None:
        """Ends all engines, and Ray's processes where this gateway started them."""
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        child = self._child
        if child is None or child.returncode is not None:
            return
        assert child.stdin is not None
        child.stdin.close()
        try:
            await asyncio.wait_for(_drained(child), _END_LIMIT_S)
        except TimeoutError:
            await self._kill()

    async def _kill(self) -> None:
        """Ray then ends its engines."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()
            await _drained(self._child)


async def _drained(child: asyncio.subprocess.Process) -> None:
    """It must not wait for a reader of what it says."""
    assert child.stdout is not None
    await child.stdout.read()
    await child.wait()
