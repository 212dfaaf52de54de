"""Channels to engine servers: TLS and a token where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from gapless.doors.listening.exposure import is_loopback
from service.access.errors import AccessError
from service.access.guard import HEADER
from service.engines.config import LOCAL, PROCESS, RAY

MAX_MESSAGE_BYTES = 64 << 20  # a recording, or a stored voice
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection
    ("grpc.enable_http_proxy", 0),
)


@dataclass(frozen=True, kw_only=True)
class Dial:
    """How engine servers are called: in plain text, unless there is an authority that signs their certificates."""

    root_certificates: bytes | None = None
    token: str = field(default="", repr=False)

    @staticmethod
    def of(engines: str, tls_ca: Path | None, token_file: Path | None) -> Dial:
        """Reads the files. `engines`: where they are, as `--engines` has it. Raises AccessError, also for a token that
        would leave this machine in plain text."""
        if token_file is not None and tls_ca is None and _leaves_this_machine(engines):
            raise AccessError(
                "--engine-token-file needs --engine-tls-ca: the token would cross the network in plain text"
            )
        try:
            roots = None if tls_ca is None else tls_ca.read_bytes()
            words = [""] if token_file is None else token_file.read_text(encoding="ascii").split()
        except OSError as error:
            raise AccessError(f"{error.filename} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            words = []
        if len(words) != 1:
            raise AccessError(
                f"{token_file} must hold one token and nothing else; an engine's list of tokens is another file"
            )
        return Dial(root_certificates=roots, token=words[0])

    def channel(self, address: str) -> grpc.aio.Channel:
        if self.root_certificates is None:
            return grpc.aio.insecure_channel(address, _OPTIONS)
        return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(self.root_certificates), _OPTIONS)

    @property
    def metadata(self) -> Sequence[tuple[str, str]]:
        """Of every call."""
        return ((HEADER, f"Bearer {self.token}"),) if self.token else ()


def _leaves_this_machine(engines: str) -> bool:
    addresses = engines.removeprefix("dns:///").split(",")
    return engines not in (LOCAL, PROCESS, RAY) and not all(map(is_loopback, addresses))
