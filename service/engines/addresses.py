"""Where engine servers are: a list, or all addresses of a name, which is asked for again and again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from service.engines.members import Addresses

_DNS = "dns:///"


def addresses_of(where: str) -> Addresses:
    """`where` as `--engines` takes it: HOST:PORT,HOST:PORT or dns:///NAME:PORT."""
    if where.startswith(_DNS):
        name, _, port = where.removeprefix(_DNS).rpartition(":")
        return _Name(name.strip("[]"), int(port)).find
    given = [one.strip() for one in where.split(",")]

    async def find() -> Sequence[str]:
        return given

    return find


class _Name:
    def __init__(self, name: str, port: int) -> None:
        self._name, self._port = name, port

    async def find(self) -> Sequence[str]:
        """Raises OSError where the name is not known."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._name, self._port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise OSError(f"{self._name!r} cannot be the name of a host") from None
        return sorted({_written(str(address[0]), self._port) for *_, address in found})


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
