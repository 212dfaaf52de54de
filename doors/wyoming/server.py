"""The door's life: it listens on this machine, or where somebody insists, and ends all connections when it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gapless.client import Client

from ..listening import exposure
from ..listening.errors import ListeningError
from ..mistakes import Mistakes
from .options import Options
from .session import Session

MAX_CONNECTIONS = 100

_log = logging.getLogger(__name__)


@asynccontextmanager
async def serving(options: Options) -> AsyncIterator[int]:
    """Gives the port. Raises ListeningError, ClientError."""
    if not options.insecure and not exposure.is_loopback(options.address):
        raise ListeningError(
            f"{options.address} can be reached from other machines, and Wyoming has neither TLS nor tokens: whoever "
            "reaches it may speak; --insecure does it all the same"
        )
    client = Client(options.service, tls=options.service_tls or False, token=options.service_token)
    await client.open()
    try:
        async with _listening(options.address, client) as port:
            yield port
    finally:
        await client.close()


@asynccontextmanager
async def _listening(address: str, client: Client) -> AsyncIterator[int]:
    sessions: set[asyncio.Task[None]] = set()
    mistakes = Mistakes()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(sessions) >= MAX_CONNECTIONS:
            _log.warning("%d connections are open, which is the limit; another one is closed", len(sessions))
            writer.close()
            return
        task = asyncio.create_task(Session(reader, writer, client, mistakes).run(), name="wyoming-session")
        sessions.add(task)
        task.add_done_callback(sessions.discard)

    host, _, port = address.rpartition(":")
    try:
        server = await asyncio.start_server(connected, host.strip("[]"), int(port))
    except OSError as error:
        raise ListeningError(f"cannot listen on {address}: {error.strerror}") from None
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in sessions:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)
