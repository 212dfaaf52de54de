"""Which names a browser may call this door by, and from which pages.

Any page can make its own domain name resolve to this machine (DNS rebinding), and then talk to a door without tokens as
if the door were its own server. A browser also lets any page open a WebSocket to any host, or send a form there, and
only adds the page's Origin. Programs that are not browsers send no Origin.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import web

from .errors import BadRequest

_PRIVATE = ("localhost", "local", "internal", "home.arpa")  # domains that nobody can own


class Hosts:
    def __init__(self, names: Collection[str] = (), *, any_name: bool = False) -> None:
        """`names`: hosts that the door is called by, beside numbers and names of private networks. `any_name`: callers
        show tokens, which a page of anybody's has not, so the door may be called by any name."""
        self._names = frozenset(name.lower() for name in names)
        self._any_name = any_name

    def check(self, request: web.BaseRequest) -> None:
        """Raises BadRequest."""
        host = _name(f"//{request.host}")
        if not (self._any_name or host in self._names or _is_own(host)):
            raise BadRequest(
                f"this door does not answer to the name {host[:100]!r}; `--host {host[:100]}` makes it", status=421
            )
        for origin in request.headers.getall("Origin", []):
            if _place(origin) != request.host.lower() and _name(origin) not in self._names:
                raise BadRequest(f"a page of {origin[:100]!r} may not use this door", status=403, code="wrong_origin")


def _place(origin: str) -> str:
    """Host and port of scheme://host:port."""
    return origin.partition("://")[2].lower()


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_own(host: str) -> bool:
    """A host that no public DNS can point here: an IP address, a name without a domain or in a private one."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        domain = host.partition(".")[2]
        return bool(host) and (not domain or f".{domain}".endswith(tuple(f".{name}" for name in _PRIVATE)))
    return True
