"""A connection to a server, or to several of one service: opens utterances, lists, creates and deletes voices, asks for
the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, Unpack

import grpc
from opentelemetry.trace import TracerProvider

from ._clock import ClockOffset
from ._telemetry import tracer
from ._transport.channels import Access, Target, addresses_of
from ._transport.clock_probe import measure_clock
from ._transport.health import is_serving
from ._transport.loop_thread import LoopThread
from ._transport.resuming import ResumingCall
from ._transport.routes import Routes
from ._transport.upload import read_recording, upload
from ._wire import (
    Options,
    Rpcs,
    created_voice_from,
    deleted_voice_to,
    info_from,
    info_to,
    new_voice_to,
    opening_to,
    voices_from,
    voices_to,
)
from .errors import ClientClosed, ClientError
from .types import Chunk, CreatedVoice, ServerInfo, Voice
from .utterance import Utterance

DEFAULT_ADDRESS = "127.0.0.1:50051"
RESUME_S = 10.0  # a listener waits no longer
RECEIVE_CAPACITY = 32  # messages that wait for the user before reading stops

T = TypeVar("T")


class Client:
    """`async with Client("host:port") as client:`; many utterances at once share its one connection."""

    def __init__(
        self,
        address: str | Sequence[str] = DEFAULT_ADDRESS,
        *,
        timeout_s: float = 60.0,
        connect_timeout_s: float = 5.0,
        resume_s: float = RESUME_S,
        receive_capacity: int = RECEIVE_CAPACITY,
        tracer_provider: TracerProvider | None = None,
        **access: Unpack[Access],
    ) -> None:
        """`address`: one, or several of the same service, in a list or with commas between: if one is lost, another
        continues. `resume_s`: how long the client tries to resume an utterance after a lost connection; 0: not at all.
        `timeout_s`: of each call but an utterance, which may last. `access`: `tls` and `token`. Raises ClientError for
        a token that would be sent in plain text."""
        self._targets = [Target.of(one, **access) for one in addresses_of(address)]
        self._routes = Routes(self._targets)
        self._resume_s = resume_s
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._receive_capacity = receive_capacity
        self._tracer = tracer(tracer_provider)
        self._reader: LoopThread | None = None
        self._info: ServerInfo | None = None  # None: not asked

    async def __aenter__(self) -> Client:
        """Connects, so that the first utterance does not have to. Raises ServerUnreachable if nobody answers."""
        await self.open()
        try:
            await self.info()
        except BaseException:
            await self.close()
            raise
        return self

    async def open(self) -> None:
        """Opens the client and asks the server nothing, so no token is needed: the first call connects. `close` ends
        it."""
        self._reader = LoopThread("gapless-reader")
        try:
            await self._reader.run(self._routes.open())
        except BaseException:
            await self.close()
            raise

    async def keep_connected(self) -> None:
        """Connects in the background, and again whenever the connection is lost: no utterance waits for a connection.
        Returns at once."""
        await self._alive().run(self._routes.keep_connected())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancels what runs, closes the connection, joins the reader thread. Idempotent."""
        reader, self._reader = self._reader, None
        if reader:
            try:
                await reader.run(self._routes.close())
            finally:
                await asyncio.to_thread(reader.close)  # joining a thread must not stop this loop

    def on_behalf_of(self, token: str | None) -> Client:
        """This open connection with another token, for a program that speaks for others. It is not closed by itself.

        Raises ClientError for a token that would be sent in plain text."""
        self._alive()
        other = copy(self)
        other._targets = [replace(target, token=token) for target in self._targets]
        return other

    @property
    def target(self) -> Target:
        """The server that answered last."""
        return self._targets[self._routes.current]

    @property
    def address(self) -> str:
        return self.target.address

    @property
    def server(self) -> ServerInfo:
        """What the server said when it was asked last: `async with` asks. Raises ClientError if nobody has."""
        if self._info is None:
            raise ClientError("the server was not asked what it is; await client.info() first")
        return self._info

    def utterance(self, **options: Unpack[Options]) -> Utterance:
        """A new utterance; `async with` opens it."""
        reader = self._alive()
        call = ResumingCall(self._routes, self._targets, self._receive_capacity, self._resume_s)
        return Utterance(reader, call, opening_to(options, want_resume_tokens=self._resume_s > 0), self._tracer)

    async def say(self, text: str, **options: Unpack[Options]) -> AsyncIterator[Chunk]:
        """Speaks a whole text: `async for chunk in client.say("Hello."): ...`."""
        async with self.utterance(**options) as utterance:
            await utterance.push(text)
            await utterance.end()
            async for chunk in utterance:
                yield chunk

    async def voices(self) -> list[Voice]:
        """All voices, sorted by name."""
        voices: list[Voice] = []
        request = voices_to()
        while True:
            page = await self._anywhere(lambda: self._rpcs.ListVoices(request, **self._each_call))
            voices += voices_from(page)
            if not page.next_page_token:
                return voices
            request.page_token = page.next_page_token

    async def create_voice(self, name: str, recording: bytes | str | Path, description: str = "") -> CreatedVoice:
        """Makes a voice from an audio file (WAV, FLAC, Ogg, MP3), or its bytes. Takes seconds; a cancel makes none."""
        if not isinstance(recording, bytes):
            limits = (self._info or await self.info()).limits
            recording = await read_recording(Path(recording), limits.max_recording_bytes)
        requests = new_voice_to(name, description, recording)
        metadata, timeout_s = self.target.metadata, self._timeout_s
        answer = await self._unary(lambda: upload(self._rpcs.CreateVoice, requests, metadata, timeout_s))
        return created_voice_from(answer)

    async def delete_voice(self, name: str) -> None:
        """Forgets a voice that was created. Utterances that speak with it go on."""
        await self._unary(lambda: self._rpcs.DeleteVoice(deleted_voice_to(name), **self._each_call))

    async def info(self) -> ServerInfo:
        limit = {"timeout": self._connect_timeout_s}
        answer = await self._anywhere(lambda: self._rpcs.GetServerInfo(info_to(), **(self._each_call | limit)))
        self._info = info_from(answer)
        return self._info

    async def is_serving(self) -> bool:
        """What the server's health service says, which asks nobody for a token. A server that does not answer serves
        nobody."""
        try:
            return await asyncio.to_thread(is_serving, self.target, self._connect_timeout_s)
        except grpc.RpcError:
            return False

    async def probe_clock(self, count: int = 8) -> ClockOffset:
        """How the server's clock relates to ours, over a connection and a thread of its own."""
        with ThreadPoolExecutor(1, "gapless-probe") as thread:
            work = partial(measure_clock, self.target, count, self._connect_timeout_s)
            return await asyncio.get_running_loop().run_in_executor(thread, work)

    async def run_on_reader(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` on the event loop of the thread that reads. It must not block there."""
        return await self._alive().run(work)

    @property
    def _each_call(self) -> dict[str, Any]:
        return {"metadata": self.target.metadata, "timeout": self._timeout_s}

    @property
    def _rpcs(self) -> Rpcs:
        return self._routes.rpcs(self._routes.current)

    async def _anywhere(self, start: Callable[[], Awaitable[T]]) -> T:
        """Of the first server that answers; what `start` asks for changes nothing."""
        for _ in self._targets[1:]:
            asked = self._routes.current
            try:
                return await self._unary(start)
            except ClientError as error:
                if error.code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
                if self._routes.current == asked:  # else another call has gone on to the next one already
                    self._routes.current = (asked + 1) % len(self._targets)
        return await self._unary(start)

    async def _unary(self, start: Callable[[], Awaitable[T]]) -> T:
        async def on_reader() -> T:
            try:
                return await start()
            except grpc.aio.AioRpcError as error:
                raise self.target.translate(error) from None

        return await self._alive().run(on_reader())

    def _alive(self) -> LoopThread:
        if self._reader is None:
            raise ClientClosed("the client is not connected; use it inside `async with Client(...)`")
        return self._reader
