"""An engine behind both doors in this process, the environments of other people's clients, and an ear on the
engine that keeps what it spoke."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace

from engine.loading import load
from engine.messages import Accepted, Aligned, AudioChunk, Engine, Event, Failed, Finished, Sink, Utterance, Word
from engine.options import EngineOptions
from gapless.doors.http.options import Options
from gapless.doors.http.server import serving
from service.audio import AudioEncoder, AudioFormat, Encoding
from service.config import ServiceConfig
from service.engines.in_process import InProcess
from service.rpc.session import Dependencies
from service.server import Server
from tests.fakes import Script, ScriptedEngine

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".venv-peers"
_FREE_LIMIT_S = 5.0
_PROGRAM_S = 240.0


@dataclass
class Spoken:
    """One utterance, as the engine spoke it."""

    utterance: Utterance
    text: str = ""
    chunks: list[AudioChunk] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    ended: bool = False
    freed_s: float | None = None  # after a cancel in the middle: how long until its place was free

    def pcm(self, rate: int) -> bytes:
        """What the service makes of it."""
        encoder = AudioEncoder(AudioFormat(encoding=Encoding.PCM_S16LE, sample_rate=rate), 24_000)
        return b"".join(encoder.encode(chunk.samples, chunk.end_of_segment).data for chunk in self.chunks)


class Overheard:
    """An engine that is listened to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.spoken: dict[str, Spoken] = {}
        self._submitted = 0
        self._watching: list[threading.Thread] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        spoken = Spoken(utterance)

        def listening(event: Event) -> None:
            if isinstance(event, AudioChunk):
                spoken.chunks.append(event)
            elif isinstance(event, Aligned):
                spoken.words += event.words
            elif isinstance(event, Finished | Failed):
                spoken.ended = True
            sink(event)

        accepted = self._engine.submit(utterance, listening)
        self._submitted += 1
        self.spoken[utterance.id] = spoken
        return accepted

    def push_text(self, utterance_id: str, text: str) -> None:
        if spoken := self.spoken.get(utterance_id):  # not one that was refused
            spoken.text += text
        self._engine.push_text(utterance_id, text)

    def cancel(self, utterance_id: str) -> None:
        spoken = self.spoken.get(utterance_id)
        before, began = self._places(), time.monotonic()
        self._engine.cancel(utterance_id)
        if spoken is None or spoken.ended or spoken.freed_s is not None:
            return

        def watch() -> None:
            while self._places() >= before and time.monotonic() - began < _FREE_LIMIT_S:
                time.sleep(0.0005)
            spoken.freed_s = time.monotonic() - began

        spoken.freed_s = _FREE_LIMIT_S
        thread = threading.Thread(target=watch)
        self._watching.append(thread)
        thread.start()

    def _places(self) -> int:
        """Falls when a place becomes free, also when the next utterance takes it before anybody looks."""
        return self._engine.stats().utterances - self._submitted

    def settle(self) -> None:
        """Until every measurement is over."""
        for thread in self._watching:
            thread.join()


@dataclass(frozen=True)
class Doors:
    engine: Overheard
    address: str  # of the service, Riva included
    url: str  # of the HTTP door


@pytest.fixture(scope="session")
def embedded() -> Iterator[Engine]:
    engine = load("embedded", EngineOptions(max_utterances=6, deterministic=True))
    yield engine
    engine.close()


@pytest.fixture
async def doors(embedded: Engine) -> AsyncIterator[Doors]:
    """The embedded voice."""
    async with doors_of(embedded) as opened:
        yield opened


@pytest.fixture
async def scripted_doors() -> AsyncIterator[Doors]:
    """A tone for each word, without a model: what is timed is not how busy the machine is."""
    engine = ScriptedEngine({"karl": Script(token_s=0.02)}, has_alignment=True)
    async with doors_of(engine) as opened:
        yield opened
    engine.close()


@asynccontextmanager
async def doors_of(spoken_by: Engine) -> AsyncIterator[Doors]:
    engine = Overheard(spoken_by)
    config = ServiceConfig(address="127.0.0.1:0", version="test", has_riva=True)
    server = Server(config)
    await server.start(Dependencies(engine=InProcess(engine), config=config, tracer=trace.NoOpTracer()))
    address, at_once = f"127.0.0.1:{server.port}", asyncio.Event()
    at_once.set()
    try:
        async with serving(Options(address="127.0.0.1:0", service=address)) as port:
            yield Doors(engine, address, f"http://127.0.0.1:{port}")
    finally:
        await server.stop(at_once)
        await asyncio.to_thread(engine.settle)


Run = Callable[..., Any]


@pytest.fixture
def run() -> Run:
    """run(environment, program, *arguments, said=...) -> what it printed."""

    async def run(environment: str, program: str, *arguments: str | Path, said: Any = None) -> Any:
        python = ENVIRONMENTS / environment / "bin" / "python"
        if not python.exists():
            pytest.skip(f"{python.relative_to(ROOT)} is missing; make it with: make peers")
        process = await asyncio.create_subprocess_exec(
            python,
            Path(__file__).parent / "programs" / f"{program}.py",
            *map(str, arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_PROGRAM_S):
                output, complaints = await process.communicate(json.dumps(said).encode())
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, complaints.decode()[-4000:]
        return json.loads(output.decode().splitlines()[-1])

    return run
