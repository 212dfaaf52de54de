"""The routes, and the one border where errors become answers."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

from gapless.client import Client, ClientError

from ..aliases import Aliases
from ..mistakes import Mistakes
from . import cloning, listing, page, speech
from .errors import BadRequest, plain, response_of
from .hosts import Hosts
from .requests import read_speech, token_of
from .strangers import Strangers
from .websocket import conversation
from .websocket.conversation import Conversation
from .websocket.places import Places

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CLIENT_LEFT = 499  # what nginx calls it

_log = logging.getLogger(__name__)


class Door:
    """The handlers. Every call goes to the service with the token that its caller showed, and with no other."""

    def __init__(self, client: Client, aliases: Aliases) -> None:
        """`client`: open, without a token."""
        self._client = client
        self._aliases = aliases
        self._strangers = Strangers()
        self._mistakes = Mistakes()
        self._places = Places()
        self._conversations: set[Conversation] = set()

    async def speech(self, request: web.Request) -> web.StreamResponse:
        token = token_of(request)
        asked = await read_speech(request, self._aliases)
        async with await self._mistakes.admit(self._caller(request, token)) as undecided:
            with self._strangers.request(token) as recognised:

                def taken() -> None:
                    recognised()
                    undecided.right()

                async with self._client.on_behalf_of(token).utterance(**asked.options) as utterance:
                    return await speech.speak(request, asked, utterance, taken)

    async def converse(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket."""
        assert request.transport is not None
        with self._places.one(request.transport.abort) as greeted:
            ws = conversation.socket()
            await ws.prepare(request)
            held = Conversation(
                ws, self._client, self._aliases, self._strangers, self._mistakes, request.remote or "", greeted
            )
            self._conversations.add(held)
            try:
                await held.run()
            finally:
                self._conversations.discard(held)
            return ws

    async def leave(self, app: web.Application) -> None:
        """No WebSocket keeps the door from shutting down."""
        await asyncio.gather(*(held.leave() for held in self._conversations), return_exceptions=True)

    async def voices(self, request: web.Request) -> web.StreamResponse:
        return await self._ask(request, lambda client: listing.voices(client, self._aliases), proves=False)

    async def create_voice(self, request: web.Request) -> web.StreamResponse:
        return await self._ask(request, lambda client: cloning.create(request, client))

    async def delete_voice(self, request: web.Request) -> web.StreamResponse:
        return await self._ask(request, lambda client: cloning.delete(request.match_info["voice"], client))

    async def audio_models(self, request: web.Request) -> web.StreamResponse:
        return listing.audio_models()

    async def models(self, request: web.Request) -> web.StreamResponse:
        return await self._ask(request, listing.models)

    async def _ask(
        self, request: web.Request, ask: Callable[[Client], Awaitable[web.Response]], *, proves: bool = True
    ) -> web.StreamResponse:
        """`proves`: an answer says that the service took the token."""
        token = token_of(request)
        async with await self._mistakes.admit(self._caller(request, token)):
            with self._strangers.request(token) as recognised:
                response = await ask(self._client.on_behalf_of(token))
                if proves:
                    recognised()
                return response

    def _caller(self, request: web.Request, token: str | None) -> str:
        return self._strangers.caller(token) or request.remote or ""

    async def health(self, request: web.Request) -> web.StreamResponse:
        return await listing.health(self._client)


def application(
    client: Client, aliases: Aliases, hosts: Hosts, on_request: Callable[[web.Request], None]
) -> web.Application:
    """`on_request` is told of every request, as soon as its head is there."""

    @web.middleware
    async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
        on_request(request)
        return await handler(request)

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts.check(request)
        return await handler(request)

    door = Door(client, aliases)
    app = web.Application(middlewares=[told, border, checked])
    app.on_shutdown.append(door.leave)
    app.add_routes(
        [
            web.post("/v1/audio/speech", door.speech),
            web.get("/v1/audio/voices", door.voices),
            web.post("/v1/audio/voices", door.create_voice),
            web.delete("/v1/audio/voices/{voice}", door.delete_voice),
            web.get("/v1/audio/models", door.audio_models),
            web.get("/v1/models", door.models),
            web.get("/v1/websocket", door.converse),
            web.get("/health", door.health),
            *page.routes(),
        ]
    )
    return app


@web.middleware
async def border(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors -> answers, for all routes."""
    try:
        return await handler(request)
    except BadRequest as error:
        return response_of(error)
    except ClientError as error:
        _log.info("%s %s: %s", request.method, request.path, error)
        return response_of(error)
    except web.HTTPException as error:
        return plain(error.status, f"{request.method} {request.path}: {error.reason}")
    except ConnectionError:
        return web.Response(status=CLIENT_LEFT)  # nobody reads it, and aiohttp would log an error
    except Exception:
        incident = uuid.uuid4().hex
        _log.exception("%s %s: internal error %s", request.method, request.path, incident)
        return plain(500, f"internal error; the door's log tells more ({incident})")
