"""The client that the flags of the command line describe."""

from __future__ import annotations

import argparse
from pathlib import Path

from .._transport.channels import Tls
from ..client import Client
from ..errors import ClientError


def connection(arguments: argparse.Namespace) -> Client:
    """Not open yet. Raises ClientError for files that cannot be read or do not fit together."""
    files = arguments.tls_ca, arguments.tls_cert, arguments.tls_key
    tls = Tls(ca=files[0], certificate=files[1], key=files[2]) if arguments.tls or any(files) else False
    return Client(arguments.address, tls=tls, token=_token(arguments.token_file))


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        words = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ClientError(f"cannot read a token from {path}: {error}") from error
    if len(words) != 1:
        raise ClientError(f"{path} must hold one token and nothing else; the service's list of tokens is another file")
    return words[0]
