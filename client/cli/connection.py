"""The flags that say which server to speak with and what it is shown, and the client that they describe."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .._transport.channels import Tls, read_token
from ..client import DEFAULT_ADDRESS, Client

_FILES = {
    "--tls-ca": "speak TLS, with a server whose certificate is signed by this one",
    "--tls-cert": "the client's own certificate, if the server asks for one",
    "--tls-key": "the key of --tls-cert",
    "--token-file": "holds the token that the server wants",
}


def add_flags(command: argparse.ArgumentParser) -> None:
    """Each has a variable: --tls-ca is GAPLESS_CLIENT_TLS_CA."""
    command.add_argument(
        "--address",
        metavar="HOST:PORT[,...]",
        default=os.environ.get("GAPLESS_CLIENT_ADDRESS", DEFAULT_ADDRESS),
        help="the server, or several of one service: where one is lost, the next goes on (default: "
        "$GAPLESS_CLIENT_ADDRESS or %(default)s)",
    )
    access = command.add_argument_group("access")
    for flag, what in _FILES.items():
        name = "GAPLESS_CLIENT_" + flag[2:].upper().replace("-", "_")
        access.add_argument(
            flag, metavar="FILE", type=Path, default=os.environ.get(name), help=f"{what} (default: ${name})"
        )
    access.add_argument(
        "--tls",
        action="store_true",
        default=bool(os.environ.get("GAPLESS_CLIENT_TLS")),
        help="speak TLS, with a server whose certificate a public authority signed (default: $GAPLESS_CLIENT_TLS)",
    )


def connection(arguments: argparse.Namespace) -> Client:
    """Not open yet. Raises ClientError for files that cannot be read or do not fit together."""
    files = arguments.tls_ca, arguments.tls_cert, arguments.tls_key
    tls = Tls(ca=files[0], certificate=files[1], key=files[2]) if arguments.tls or any(files) else False
    token = read_token(arguments.token_file) if arguments.token_file else None
    return Client(arguments.address, tls=tls, token=token)
