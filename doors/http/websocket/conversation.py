"""The life of one socket: `hello` with its token, then one utterance after the other, and the verdict on each.

A message that is wrong is refused by an `error`, and the conversation goes on; it ends where the page has no business
here (its token, its silence, binary messages).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from functools import partial

from aiohttp import WSCloseCode, WSMsgType, web

from gapless.client import AccessDenied, Client, ClientError

from ...aliases import Aliases
from ...mistakes import Mistakes
from ..errors import BadRequest
from ..strangers import Strangers
from . import incoming, listening, outgoing
from .incoming import Cancel, End, Flush, Hello, Incoming, Judge, Playback, Start, Text
from .outgoing import Message
from .speech import Speech

HELLO_S = 15.0  # that a new socket may take to say who it is
IDLE_S = 300.0  # that it may say nothing
PING_S = 30.0  # a page that does not answer within half of it is gone
_UNSENT_BYTES = 1 << 16  # that may wait for a slow page before the service does

_log = logging.getLogger(__name__)


class _Over(Exception):
    """The socket is closed, or is to be."""


def socket() -> web.WebSocketResponse:
    return web.WebSocketResponse(
        heartbeat=PING_S,
        max_msg_size=incoming.MAX_MESSAGE_BYTES,
        compress=False,  # audio does not shrink, and a small message could become a large one
        writer_limit=_UNSENT_BYTES,
    )


class Conversation:
    def __init__(
        self,
        ws: web.WebSocketResponse,
        client: Client,
        aliases: Aliases,
        strangers: Strangers,
        mistakes: Mistakes,
        address: str,
        on_greeted: Callable[[], None],
        *,
        hello_s: float = HELLO_S,
        idle_s: float = IDLE_S,
    ) -> None:
        """`ws`: open. `client`: without a token. `address`: of the page. `on_greeted` is called when the service took
        the token of the hello."""
        self._ws = ws
        self._anybody = client
        self._aliases = aliases
        self._strangers = strangers
        self._mistakes = mistakes
        self._caller = address  # whose mistakes its requests may be
        self._on_greeted = on_greeted
        self._hello_s = hello_s
        self._idle_s = idle_s
        self._speech: Speech | None = None  # the last one
        self._begun = 0
        self._leaving = False
        self._farewell: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Returns when the socket is closed."""
        try:
            await self._greet()
            async with asyncio.TaskGroup() as self._tasks:
                try:
                    while True:
                        await self._converse()
                finally:
                    if self._speech and not self._speech.is_over:
                        await self._speech.utterance.cancel()
        except* _Over:
            pass
        except* ConnectionError:
            pass  # the page is gone
        if self._farewell:
            await self._farewell

    async def leave(self) -> None:
        """The door shuts down: the socket is closed, after the utterance that is under way."""
        self._leaving = True
        if self._speech is None or self._speech.is_over:
            await self._ws.close(code=WSCloseCode.GOING_AWAY)

    # ------------------------------------------------------------------------------------------ hello

    async def _greet(self) -> None:
        try:
            message = await self._read(self._hello_s)
            if not isinstance(message, Hello):
                raise BadRequest("the first message must be 'hello'", "type")
            self._client = self._anybody.on_behalf_of(message.token)
            with self._strangers.request(message.token) as recognised:
                info, voices = await asyncio.gather(self._client.info(), self._client.voices())
                recognised()
            self._caller = self._strangers.caller(message.token) or self._caller
            self._on_greeted()
        except BadRequest as error:
            await self._refuse(error, WSCloseCode.POLICY_VIOLATION)
        except ClientError as error:
            denied = isinstance(error, AccessDenied)
            await self._refuse(error, WSCloseCode.POLICY_VIOLATION if denied else WSCloseCode.TRY_AGAIN_LATER)
        await self._send(outgoing.ready(info, voices))

    # ------------------------------------------------------------------------------------------ then

    async def _converse(self) -> None:
        try:
            speaks = self._speech and not self._speech.is_over
            await self._answer(await self._read(None if speaks else self._idle_s))
        except (BadRequest, ClientError) as error:
            await self._send(outgoing.error(error))

    async def _answer(self, message: Incoming) -> None:
        match message:
            case Hello():
                raise BadRequest("comes once, at the beginning of a socket", "type")
            case Start():
                await self._start(message)
            case Text(text=text):
                await self._current().take(lambda utterance: utterance.push(text))
            case Flush():
                await self._current().take(lambda utterance: utterance.flush())
            case End():
                await self._current().take(lambda utterance: utterance.end())
            case Playback():
                await self._current().report(message)
            case Cancel(playback=playback):
                await self._current().stop(playback)
            case Judge(heard=heard):
                record = self._current().utterance.record
                told = await asyncio.to_thread(listening.verdict, record, heard)
                await self._send({**told, "utterance": self._begun})

    async def _start(self, message: Start) -> None:
        if self._speech and not self._speech.is_over:
            raise BadRequest("an utterance is under way: wait for its 'finished', or cancel it", "type")
        self._begun += 1
        admit = partial(self._mistakes.admit, self._caller)
        self._speech = await Speech.begin(self._begun, self._client, message.options, admit, self._send)
        self._tasks.create_task(self._see_through(self._speech), name=f"websocket-utterance-{self._begun}")

    async def _see_through(self, speech: Speech) -> None:
        await speech.run()
        if self._leaving:  # in a task of its own: the end of the socket ends this one
            self._farewell = asyncio.create_task(self.leave(), name="websocket-farewell")

    def _current(self) -> Speech:
        if self._speech is None:
            raise BadRequest("no utterance was begun: send 'start' first", "type")
        return self._speech

    # ------------------------------------------------------------------------------------------ the socket

    async def _read(self, patience_s: float | None) -> Incoming:
        """Raises BadRequest, _Over."""
        try:
            async with asyncio.timeout(patience_s):
                message = await self._ws.receive()
        except TimeoutError:
            await self._ws.close(message=b"idle")
            raise _Over from None
        if message.type is WSMsgType.BINARY:
            await self._refuse(BadRequest("messages to the door are JSON in text"), WSCloseCode.UNSUPPORTED_DATA)
        if message.type is not WSMsgType.TEXT:
            raise _Over
        return incoming.read(message.data, self._aliases)

    async def _refuse(self, error: BadRequest | ClientError, code: WSCloseCode) -> None:
        """And that is all. Raises _Over."""
        await self._send(outgoing.error(error))
        await self._ws.close(code=code)
        raise _Over

    async def _send(self, message: Message | bytes) -> None:
        if isinstance(message, bytes):
            await self._ws.send_bytes(message)
        else:
            await self._ws.send_str(json.dumps(message))
