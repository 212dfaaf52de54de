"""The engine servers of a gateway: looked up again and again, watched, and brought in line with each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from engine.messages import EngineInfo
from service.engines.dial import Dial
from service.engines.remote import Remote, State, Unfit
from service.engines.shared_voices import SharedVoices

Addresses = Callable[[], Awaitable[Sequence[str]]]
"""Where engine servers are, now. Asked again and again; whoever manages engines implements it."""

ASK_EVERY_S = 1.0
_LIKE = ("model", "variant", "form", "languages", "sample_rate", "default_voice", "has_alignment", "is_deterministic")

_log = logging.getLogger(__name__)


def check_fit(engine: Remote, version: str, others: EngineInfo | None) -> EngineInfo:
    """Whether it can stand in for the others of a gateway of this `version` ("": any); None: it is the first. Gives
    what the next one is to be like. Raises Unfit."""
    assert engine.info is not None
    if version and engine.version != version:
        raise Unfit(f"it is of version {engine.version}; this gateway is of {version}")
    others = others or engine.info
    for name in _LIKE:
        ours, theirs = getattr(others, name), getattr(engine.info, name)
        if ours != theirs:
            raise Unfit(f"its {name} is {theirs!r}; that of the others is {ours!r}")
    return others


class Members:
    """Made inside a running event loop."""

    def __init__(self, addresses: Addresses, dial: Dial, version: str) -> None:
        self._addresses, self._dial, self._version = addresses, dial, version
        self.engines: dict[str, Remote] = {}
        self.info: EngineInfo | None = None  # of the first that was met, which all others are to be like
        self.voices = SharedVoices(self.serving)
        self._running: dict[str, asyncio.Task[None]] = {}  # by address
        self._change = asyncio.Event()
        self._tells: list[Callable[[bool], None]] = []
        self._served = False
        self._not_found = ""  # why engines cannot be looked up, as the log has it
        self._finding = asyncio.create_task(self._find(), name="find-engines")

    def serving(self) -> list[Remote]:
        return [engine for engine in list(self.engines.values()) if engine.serves]

    async def ready(self) -> None:
        """Returns when an engine serves."""
        while not self.serving():
            await self.changed()

    async def changed(self) -> None:
        """Returns when an engine serves, or does not any more, or its voices are others."""
        change = self._change
        await change.wait()

    def on_serving(self, tell: Callable[[bool], None]) -> None:
        """As `service.engines.engine.AsyncEngine` has it."""
        self._tells.append(tell)
        tell(bool(self.serving()))

    async def _find(self) -> None:
        while True:
            try:
                found = set(await self._addresses())
                self._not_found = ""
            except Exception as error:  # whoever tells where engines are may be anybody's code
                if str(error) != self._not_found:  # once a second is too often
                    _log.warning("engines cannot be looked up: %s", error)
                found, self._not_found = set(self.engines), str(error)
            for address in found - self.engines.keys():
                self._watch(address)
            for address, watching in list(self._running.items()):
                if watching.done() and not watching.cancelled():
                    _log.error("engine %s is no longer watched", address, exc_info=watching.exception())
                    self._watch(address)
            for address in self.engines.keys() - found:
                if self.engines[address].state not in (State.SERVING, State.DRAINING):
                    self._running.pop(address).cancel()
                    del self.engines[address]
            await asyncio.sleep(ASK_EVERY_S)

    def _watch(self, address: str) -> None:
        engine = Remote(address, self._dial, self._join, self._on_change)
        self.engines[address] = engine
        self._running[address] = asyncio.create_task(engine.run(), name=f"engine-{address}")

    async def _join(self, engine: Remote) -> None:
        self.info = check_fit(engine, self._version, self.info)
        await self.voices.bring_in_line(engine)

    def _on_change(self) -> None:
        self.voices.see()
        serves = bool(self.serving())
        if serves is not self._served:
            self._served = serves
            for tell in self._tells:
                tell(serves)
        change, self._change = self._change, asyncio.Event()
        change.set()

    async def close(self) -> None:
        tasks = [self._finding, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
