"""A connection to a server, or to several of one service, for programs without an event loop."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, Unpack

from opentelemetry.trace import TracerProvider

from .._clock import ClockOffset
from .._transport.channels import Access
from .._transport.loop_thread import LoopThread
from .._wire import Options
from ..client import DEFAULT_ADDRESS, RECEIVE_CAPACITY, RESUME_S
from ..client import Client as AsyncClient
from ..errors import ClientClosed
from ..types import CreatedVoice, ServerInfo, Voice
from .speech import Speech
from .utterance import Utterance

T = TypeVar("T")


class Client:
    """`with Client("host:port") as client:`, or `open` and `close`; from any thread. Errors are those of
    `gapless.client`."""

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
        self._client = AsyncClient(
            address,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
            resume_s=resume_s,
            receive_capacity=receive_capacity,
            tracer_provider=tracer_provider,
            **access,
        )
        self._thread: LoopThread | None = None  # None: not opened

    def __enter__(self) -> Client:
        """Connects, so that the first utterance does not have to. Raises ServerUnreachable if nobody answers."""
        self._begin(self._client.__aenter__())
        return self

    def open(self) -> None:
        """Without asking the server anything: the first call connects. `close` ends it."""
        self._begin(self._client.open())

    def keep_connected(self) -> None:
        """Connects in the background, and again whenever the connection is lost: no utterance waits for a connection.
        Returns at once."""
        self._call(self._client.keep_connected())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancels what runs, closes the connection, joins both threads. Idempotent."""
        thread, self._thread = self._thread, None
        if thread:
            try:
                thread.call(self._client.close())
            finally:
                thread.close()

    def on_behalf_of(self, token: str | None) -> Client:
        """This open connection with another token, for a program that speaks for others. It is not closed by itself.

        Raises ClientError for a token that would be sent in plain text."""
        other = copy(self)
        other._client = self._client.on_behalf_of(token)
        return other

    @property
    def address(self) -> str:
        return self._client.address

    @property
    def server(self) -> ServerInfo:
        """What the server said when it was asked last: `with` asks. Raises ClientError if nobody has."""
        return self._client.server

    def utterance(self, **options: Unpack[Options]) -> Utterance:
        """A new utterance; `with` opens it."""
        return Utterance(self._alive(), self._client.utterance(**options))

    def say(self, text: str, **options: Unpack[Options]) -> Speech:
        """Speaks a whole text, from now on. It is kept, so the server runs ahead of the listener as fast as it can,
        unless `max_lead` says otherwise."""
        unpaced: Options = {"max_lead": 0.0, **options}
        return Speech(self._alive(), self._client.utterance(**unpaced), text)

    def voices(self) -> list[Voice]:
        """All voices, sorted by name."""
        return self._call(self._client.voices())

    def create_voice(self, name: str, recording: bytes | str | Path, description: str = "") -> CreatedVoice:
        """Makes a voice from an audio file (WAV, FLAC, Ogg, MP3), or its bytes. Takes seconds; Ctrl-C makes none."""
        return self._call(self._client.create_voice(name, recording, description))

    def delete_voice(self, name: str) -> None:
        """Forgets a voice that was created. Utterances that speak with it go on."""
        self._call(self._client.delete_voice(name))

    def info(self) -> ServerInfo:
        return self._call(self._client.info())

    def is_serving(self) -> bool:
        """What the server's health service says, which asks nobody for a token. A server that does not answer serves
        nobody."""
        return self._call(self._client.is_serving())

    def probe_clock(self, count: int = 8) -> ClockOffset:
        """How the server's clock relates to ours, over a connection and a thread of its own."""
        return self._call(self._client.probe_clock(count))

    def _begin(self, opening: Coroutine[Any, Any, object]) -> None:
        self._thread = LoopThread("gapless-sync")
        try:
            self._call(opening)
        except BaseException:
            self.close()
            raise

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            thread = self._alive()
        except ClientClosed:
            work.close()
            raise
        return thread.call(work)

    def _alive(self) -> LoopThread:
        if self._thread is None:
            raise ClientClosed("the client is not connected; use it inside `with Client(...)`")
        return self._thread
