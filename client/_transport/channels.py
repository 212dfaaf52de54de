"""The only file that makes channels: one for an event loop, and one for a thread that waits for its answers."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import grpc

from ..errors import ClientError, translate
from .proxy import Proxy, proxy_for

Metadata = list[tuple[str, str]]

_OPTIONS = [
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # By itself gRPC waits up to two minutes before it tries a server again that was gone, and refuses calls meanwhile.
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Without this the receive window grows to megabytes, minutes of speech that a stalled listener has "received".
    ("grpc.http2.bdp_probe", 0),
]
_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)  # else gRPC shares one connection among equal channels
_NO_PROXY = ("grpc.enable_http_proxy", 0)
_UNIX = ("unix:", "unix-abstract:")
_LISTS = ("ipv4:", "ipv6:")  # gRPC's own names, which hold commas


@dataclass(frozen=True, kw_only=True)
class Tls:
    """How to speak TLS. The server's certificate is checked against `ca`, or against gRPC's own list if absent."""

    ca: Path | None = None
    certificate: Path | None = None  # the client's own, with its key: for a server that asks for one
    key: Path | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """Raises ClientError for a file that cannot be read, or for half a pair."""
        if (self.certificate is None) != (self.key is None):
            raise ClientError("a client certificate and its key belong together: give both or neither")
        return grpc.ssl_channel_credentials(_read(self.ca), _read(self.key), _read(self.certificate))


def read_token(path: Path) -> str:
    """What is in a file that holds one token. Raises ClientError."""
    try:
        words = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ClientError(f"cannot read a token from {path}: {error}") from error
    if len(words) != 1:
        raise ClientError(f"{path} must hold one token and nothing else; the service's list of tokens is another file")
    return words[0]


class Access(TypedDict, total=False):
    """What `Client` is given to be let in."""

    tls: Tls | bool  # True trusts the authorities that gRPC knows
    token: str | None


@dataclass(frozen=True, kw_only=True)
class Target:
    """A server, and what it is to be shown. Raises ClientError for a token in plain text."""

    address: str
    tls: Tls | None = None  # None: plain text
    token: str | None = field(default=None, repr=False)  # not to be seen in logs

    @staticmethod
    def of(address: str, tls: Tls | bool = False, token: str | None = None) -> Target:
        """Takes what `Access` has, and nothing else."""
        return Target(address=address, tls=Tls() if tls is True else tls or None, token=token)

    def __post_init__(self) -> None:
        if self.token and not self.tls and not self.is_loopback:
            raise ClientError(f"a token goes to {self.address} only over TLS: everybody on the way could read it")

    @property
    def metadata(self) -> Metadata:
        """Goes with each call."""
        return [("authorization", f"Bearer {self.token}")] if self.token else []

    @property
    def is_loopback(self) -> bool:
        if self.address.startswith(_UNIX) or self._host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self._host).is_loopback
        except ValueError:
            return False

    @property
    def proxy(self) -> Proxy | None:
        """What stands between this machine and the server. A proxy does not lead to this machine itself."""
        return None if self.is_loopback else proxy_for(self._host, os.environ)

    @property
    def description(self) -> str:
        """The address, for messages, and how it is reached."""
        return f"{self.address} through {self.proxy}" if self.proxy else self.address

    def translate(self, error: grpc.aio.AioRpcError | grpc.RpcError) -> ClientError:
        """What `error` of a call to this server means."""
        if self.tls is None:
            return translate(error, self.description, "it may want TLS (--tls, --tls-ca)")
        if self.tls.certificate is None:
            return translate(error, self.description, "it may want a client certificate (--tls-cert, --tls-key)")
        return translate(error, self.description, "it may not trust the client's certificate, or that has expired")

    @property
    def options(self) -> list[tuple[str, int]]:
        return [_NO_PROXY] if self.is_loopback else []

    @property
    def _host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")


def addresses_of(given: str | Sequence[str]) -> list[str]:
    """One or several servers. Raises ClientError if there is none."""
    if not isinstance(given, str):
        addresses = list(given)
    elif given.startswith(_LISTS):
        addresses = [given]
    else:
        addresses = [one.strip() for one in given.split(",") if one.strip()]
    if not addresses:
        raise ClientError("no address was given")
    return addresses


def asyncio_channel(target: Target) -> grpc.aio.Channel:
    """For the event loop that calls this, and for no other. Raises ClientError."""
    options = [*_OPTIONS, *target.options]
    if target.tls:
        return grpc.aio.secure_channel(target.address, target.tls.credentials(), options=options)
    return grpc.aio.insecure_channel(target.address, options=options)


def blocking_channel(target: Target) -> grpc.Channel:
    """Over a connection of its own, which audio on another one does not delay. Raises ClientError."""
    options = [_OWN_CONNECTION, *target.options]
    if target.tls:
        return grpc.secure_channel(target.address, target.tls.credentials(), options=options)
    return grpc.insecure_channel(target.address, options=options)


def _read(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path else None
    except OSError as error:
        raise ClientError(f"cannot read {path}: {error.strerror}") from error
