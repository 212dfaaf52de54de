"""Who may call one server, put together from its configuration: what `service.server` builds its port from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from gapless.doors.listening import certificates, exposure
from gapless.doors.listening.certificates import Certificates, TlsFiles
from gapless.doors.listening.reloading import Reloading
from service.access import tls, tokens
from service.access.errors import AccessError
from service.access.guard import Guard
from service.access.quota import Quotas
from service.access.tokens import Tokens
from service.flags import flag, path, switch


@dataclass(frozen=True, kw_only=True)
class AccessConfig:
    tls_cert: Path | None = flag(
        "who may call",
        "--tls-cert FILE",
        "certificate of this server, with those that lead to its root (PEM); read again when it changes",
        path,
    )
    tls_key: Path | None = flag("who may call", "--tls-key FILE", "its key (PEM, no passphrase)", path)
    tls_client_ca: Path | None = flag(
        "who may call",
        "--tls-client-ca FILE",
        "clients must show a certificate that one of these authorities signed (PEM)",
        path,
    )
    token_file: Path | None = flag(
        "who may call",
        "--token-file FILE",
        "calls must show a token of this file, except for health; `token NAME` makes one; read again when it changes",
        path,
    )
    insecure: bool = switch(
        "who may call",
        "--insecure",
        "listen beyond loopback without TLS: something in front of the service ends it",
    )
    anonymous: bool = switch(
        "who may call",
        "--anonymous",
        "listen beyond loopback without tokens: whoever can connect may speak",
    )


@dataclass(frozen=True, kw_only=True)
class Access:
    """Of a server without TLS and tokens, unless said otherwise."""

    certificates: Reloading[Certificates] | None = None
    tokens: Reloading[Tokens] | None = None
    quotas: Quotas = field(default_factory=Quotas)

    @staticmethod
    def of(config: AccessConfig, address: str) -> Access:
        """Reads the files. Raises ListeningError for wrong ones, and where `address` would stand open."""
        if (config.tls_cert is None) != (config.tls_key is None):
            raise AccessError("--tls-cert and --tls-key come together: a certificate, and the key that belongs to it")
        if config.tls_client_ca is not None and config.tls_cert is None:
            raise AccessError("--tls-client-ca checks clients of a TLS server; it needs --tls-cert and --tls-key")
        exposure.check(
            address,
            tls=config.tls_cert is not None,
            tokens=config.token_file is not None,
            insecure=config.insecure,
            anonymous=config.anonymous,
        )
        watched = None
        if config.tls_cert is not None and config.tls_key is not None:
            files = TlsFiles(certificate=config.tls_cert, key=config.tls_key, client_ca=config.tls_client_ca)
            watched = certificates.watched(files)
        known = None if config.token_file is None else tokens.watched(config.token_file)
        return Access(certificates=watched, tokens=known)

    @property
    def files(self) -> Sequence[Reloading[Certificates] | Reloading[Tokens]]:
        """What has to be kept fresh."""
        return [file for file in (self.certificates, self.tokens) if file is not None]

    def interceptors(self) -> list[grpc.aio.ServerInterceptor]:
        return [] if self.tokens is None else [Guard(self.tokens)]

    def add_port(self, server: grpc.aio.Server, address: str) -> int:
        """Binds. Raises RuntimeError, as gRPC does, for an address that cannot be listened on."""
        if self.certificates is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, tls.server_credentials(self.certificates))
