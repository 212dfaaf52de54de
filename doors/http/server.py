"""The door's life: it looks whether it would stand open, listens, serves, and ends what runs when it is stopped."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gapless.client import AccessDenied, Client, ClientError

from ..encoders import opus
from ..listening import certificates, exposure
from ..listening.certificates import Certificates, TlsFiles
from ..listening.errors import ListeningError
from ..listening.reloading import CHECK_INTERVAL_S, Reloading
from .app import application
from .connections import Connections
from .hosts import Hosts
from .options import Options

_STOP_GRACE_S = 10.0  # that running answers get

_log = logging.getLogger(__name__)


@asynccontextmanager
async def serving(options: Options) -> AsyncIterator[int]:
    """Gives the port. Raises ListeningError, ClientError."""
    client = Client(options.service, tls=options.service_tls or False)
    await client.open()
    try:
        if missing := await asyncio.to_thread(opus.why_not):
            _log.info("Ogg Opus comes in pages of 60 ms: %s", missing)
        await _check_exposure(options, client)
        async with _listening(options, client) as port:
            yield port
    finally:
        await client.close()


async def _check_exposure(options: Options, client: Client) -> None:
    """Tokens are the service's to ask for; whether it does, it is asked. Without an answer the door stays closed."""
    client.on_behalf_of("a caller's token")  # raises where those would be sent in plain text
    if exposure.is_loopback(options.address):
        return
    exposure.check(
        options.address,
        tls=options.tls is not None,
        tokens=await _wants_tokens(client),
        insecure=options.insecure,
        anonymous=options.anonymous,
        token_flag="a service that is started with --token-file",
    )


async def _wants_tokens(client: Client) -> bool:
    try:
        await client.info()
    except AccessDenied:
        return True
    except ClientError as error:
        raise ListeningError(
            f"whether the service wants tokens is not known, so the door stays closed: {error}"
        ) from None
    return False


@asynccontextmanager
async def _listening(options: Options, client: Client) -> AsyncIterator[int]:
    watched = None if options.tls is None else certificates.watched(options.tls)
    context = None if options.tls is None else _tls_context(options.tls)
    connections = Connections()
    shows_tokens = not exposure.is_loopback(options.address) and not options.anonymous
    hosts = Hosts(options.hosts, any_name=shows_tokens)
    app = application(client, options.aliases, hosts, connections.has_asked)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=_STOP_GRACE_S)
    await runner.setup()
    server = runner.server
    assert server is not None
    host, _, port = options.address.rpartition(":")
    loop = asyncio.get_running_loop()
    try:
        listener = await loop.create_server(
            lambda: connections.protocol(server), host.strip("[]"), int(port), ssl=context
        )
    except OSError as error:
        await runner.cleanup()
        raise ListeningError(f"cannot listen on {options.address}: {error.strerror}") from None
    fresh = asyncio.create_task(_keep_fresh(watched, options.tls, context), name="http-certificates")
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        fresh.cancel()
        listener.close()
        await runner.cleanup()


def _tls_context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    return context


async def _keep_fresh(
    watched: Reloading[Certificates] | None, files: TlsFiles | None, context: ssl.SSLContext | None
) -> None:
    """A replaced certificate holds for the next handshake; files that do not fit together change nothing."""
    if watched is None or files is None or context is None:
        return
    while True:
        await asyncio.sleep(CHECK_INTERVAL_S)
        before = watched.value
        await asyncio.to_thread(watched.refresh)
        if watched.value is not before:
            context.load_cert_chain(files.certificate, files.key)
