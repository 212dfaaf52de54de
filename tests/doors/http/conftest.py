"""The door in front of a service over a scripted engine, both on loopback ports of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from gapless.doors.http.options import Options
from gapless.doors.http.server import serving
from tests.fakes import ScriptedEngine
from tests.service.conftest import Served, serve_scripted


@dataclass(frozen=True)
class Open:
    url: str
    session: aiohttp.ClientSession
    served: Served

    @property
    def engine(self) -> ScriptedEngine:
        return self.served.engine

    def speak(self, **fields: Any) -> Any:
        """A request as the `openai` package makes it; `async with` gives the response."""
        body = {"input": "Hello there.", "model": "tts-1", "voice": "anna"} | fields
        return self.session.post(f"{self.url}/v1/audio/speech", json=body)


OpenDoor = Callable[..., AbstractAsyncContextManager[Open]]


@asynccontextmanager
async def open_door(options: dict[str, Any] | None = None, **service: Any) -> AsyncIterator[Open]:
    async with serve_scripted(**service) as served:
        given = Options(**({"address": "127.0.0.1:0", "service": served.address} | (options or {})))
        async with serving(given) as port, aiohttp.ClientSession() as session:
            scheme = "https" if given.tls else "http"
            yield Open(f"{scheme}://127.0.0.1:{port}", session, served)


@pytest.fixture
async def door() -> AsyncIterator[Open]:
    async with open_door() as opened:
        yield opened
