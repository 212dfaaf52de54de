"""Which proxy gRPC uses for a server: by its own rule, since it does not tell.

The first of grpc_proxy, https_proxy and http_proxy that is set names the proxy, unless no_grpc_proxy (else no_proxy)
lists the server: the end of its name, its address, or a network that the address lies in.
Source: grpc, src/core/handshaker/http_connect/http_proxy_mapper.cc.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")


@dataclass(frozen=True, kw_only=True)
class Proxy:
    address: str  # host:port, without the user and password that the variable may hold
    variable: str  # that names it

    def __str__(self) -> str:
        return f"the proxy {self.address} (environment variable {self.variable})"


def proxy_for(host: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy between this machine and `host`, a name or an address without brackets."""
    variable = next((name for name in _VARIABLES if name in environ), None)
    if variable is None:
        return None
    url = urlsplit(environ[variable])
    address = url.netloc.rpartition("@")[2]
    exempt = environ.get("no_grpc_proxy", environ.get("no_proxy", ""))
    if url.scheme != "http" or not address or any(_covers(entry.strip(), host) for entry in exempt.split(",") if entry):
        return None
    return Proxy(address=address, variable=variable)


def _covers(entry: str, host: str) -> bool:
    if host.lower().endswith(entry.lower()):
        return True
    try:
        return "/" in entry and ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
