"""A service with TLS and tokens, and what a client shows it: certificates and tokens are made for one run."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks.support.service_process import service
from client import Client, Tls
from service.access import tokens
from service.access.caller import Caller
from tests.service.access.certificates import Authority


@dataclass(frozen=True, kw_only=True)
class Secured:
    address: str
    ca: Path
    token: str

    def client(self) -> Client:
        return Client(self.address, tls=Tls(ca=self.ca), token=self.token)

    def channel(self) -> grpc.Channel:
        """Over a connection of its own, open when it is returned."""
        credentials = grpc.ssl_channel_credentials(self.ca.read_bytes())
        channel = grpc.secure_channel(self.address, credentials, [("grpc.use_local_subchannel_pool", 1)])
        grpc.channel_ready_future(channel).result(timeout=30)
        return channel


@contextlib.contextmanager
def secured_service(*flags: str) -> Iterator[Secured]:
    with tempfile.TemporaryDirectory() as name:
        folder, authority = Path(name), Authority()
        ca = folder / "ca.pem"
        ca.write_bytes(authority.pem)
        certificate, key = authority.issue().write(folder, "server")
        token = tokens.create(folder / "tokens.toml", Caller(name="benchmark"))
        files = ("--tls-cert", str(certificate), "--tls-key", str(key), "--token-file", str(folder / "tokens.toml"))
        with service(*files, *flags) as address:
            yield Secured(address=address, ca=ca, token=token)
