"""Engine servers over scripted engines in this process, a pool over them, and listeners who count samples."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from engine.errors import GaplessError
from engine.messages import Aligned, AudioChunk, Event, Failed, Finished, FlushDone, Usage, Utterance, Warned
from service.config import ServiceConfig
from service.engine_server import EngineServer
from service.engines.engine import AsyncEngine
from service.engines.in_process import InProcess
from service.engines.pool import Pool
from tests.fakes import Script, ScriptedEngine, speech_of_text

VOICES = {
    "anna": Script(token_s=0.001),
    "karl": Script(token_s=0.01, window_tokens=3),
    "stuck": Script(hang_at_chunk=1),
}
TEXT = "Over the wide river and through the old wood the travellers went on without a word. "
MARK = 17  # a seed


@dataclass
class Stage:
    """Engines that can come and go, by address."""

    engines: dict[str, ScriptedEngine] = field(default_factory=dict)
    servers: dict[str, EngineServer] = field(default_factory=dict)
    addresses: set[str] = field(default_factory=set)

    async def add(
        self, voices: Mapping[str, Script] = VOICES, *, max_utterances: int = 16, channel_s: float = 2.0
    ) -> str:
        engine = ScriptedEngine(voices, max_utterances=max_utterances, channel_s=channel_s, has_alignment=True)
        server = EngineServer(ServiceConfig(address="127.0.0.1:0", version="test"))
        await server.start(InProcess(engine))
        address = f"127.0.0.1:{server.port}"
        self.engines[address], self.servers[address] = engine, server
        self.addresses.add(address)
        return address

    async def cut(self, address: str) -> None:
        """Its streams break, as if it was killed."""
        await self.servers.pop(address)._server.stop(0.0)
        self.engines[address].close()

    async def drain(self, address: str, within_s: float = 0.05) -> None:
        await self.servers.pop(address).stop(within_s)

    async def find(self) -> list[str]:
        return sorted(self.addresses)

    async def close(self) -> None:
        for address in list(self.servers):
            await self.cut(address)


class Line:
    """The network before an engine server. Cut, it carries nothing, and no end of the connection is told."""

    def __init__(self) -> None:
        self._whole = asyncio.Event()
        self._whole.set()
        self._carrying: set[asyncio.Task[None]] = set()

    async def to(self, address: str) -> str:
        """Where it begins."""
        host, _, port = address.rpartition(":")

        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            for ends in ((reader, far_writer), (far_reader, writer)):
                self._carrying.add(asyncio.create_task(self._carry(*ends)))

        self._server = await asyncio.start_server(connect, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    async def close(self) -> None:
        self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while data := await reader.read(1 << 16):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()


@contextlib.asynccontextmanager
async def pool_over(stage: Stage, count: int = 0, **settings: float) -> AsyncIterator[Pool]:
    """Waits until `count` engines serve."""
    pool = Pool(stage.find, version="test", **settings)  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(5):
            while sum(engine.serves for engine in pool.engines.values()) < (count or len(stage.servers)):
                await asyncio.sleep(0.01)
        yield pool
    finally:
        await pool.close()
        await stage.close()


@dataclass
class Heard:
    chunks: list[AudioChunk] = field(default_factory=list)
    flushes: list[int] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    usage: Usage | None = None
    error: GaplessError | None = None

    @property
    def samples(self) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        return np.concatenate([np.zeros(0, np.float32), *(chunk.samples for chunk in self.chunks)])

    def take(self, event: Event) -> None:
        match event:
            case AudioChunk():
                self.chunks.append(event)
            case FlushDone():
                self.flushes.append(event.flush_id)
            case Aligned():
                self.words += [word.word for word in event.words]
            case Warned():
                self.warnings.append(event)
            case Finished():
                self.usage = event.usage
            case Failed():
                self.error = event.error


class Listener:
    """One utterance, heard as fast as it comes. `heard` is complete when `end` is set."""

    def __init__(self, engine: AsyncEngine, name: str, *, voice: str = "anna", release: bool = True) -> None:
        self.name, self.voice, self.heard = name, voice, Heard()
        self.end, self._engine, self._release = asyncio.Event(), engine, release

    async def submit(self, **more: object) -> None:
        utterance = Utterance(id=self.name, voice=self.voice, seed=MARK, want_alignment=True, **more)  # type: ignore[arg-type]
        await self._engine.submit(utterance, self._hear)

    async def speak(self, text: str = TEXT, within_s: float = 20) -> Heard:
        await self.submit()
        self._engine.push_text(self.name, text[:20])
        self._engine.flush(self.name, 7)
        self._engine.push_text(self.name, text[20:])
        self._engine.flush(self.name, 7)  # an id may come twice
        self._engine.end_input(self.name)
        async with asyncio.timeout(within_s):
            await self.end.wait()
        return self.heard

    def _hear(self, event: Event) -> None:
        self.heard.take(event)
        if isinstance(event, AudioChunk) and self._release:
            self._engine.release(self.name, event.num_samples)
        if isinstance(event, Finished | Failed):
            self.end.set()


def check_whole(heard: Heard, text: str = TEXT, voice: str = "anna") -> None:
    """Every sample once, every word and flush once, chunks without a seam."""
    assert heard.error is None, heard.error
    spoken = text[:20] + " " + text[20:]  # a flush ends a word
    wanted = speech_of_text(spoken, seed=MARK, voice=voice)
    assert [chunk.seq for chunk in heard.chunks] == list(range(len(heard.chunks)))
    ends = np.cumsum([0, *(chunk.num_samples for chunk in heard.chunks)])
    assert [chunk.first_sample for chunk in heard.chunks] == ends[:-1].tolist()
    assert len(heard.samples) == len(wanted)
    assert (heard.samples == wanted).all()
    assert heard.words == spoken.split()
    assert heard.flushes == [7, 7]
