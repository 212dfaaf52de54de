"""The command line and the environment of `python -m gapless.doors.wyoming`, read once.

A flag wins over its variable: --address is GAPLESS_WYOMING_ADDRESS.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gapless.client import DEFAULT_ADDRESS, ClientError, Tls, read_token

from ..command_line import add_service, address, file, service_tls, set_defaults, switch
from ..listening.errors import ListeningError

DEFAULT_WYOMING_ADDRESS = "127.0.0.1:10200"  # the port of Piper, which it stands in for


@dataclass(frozen=True, kw_only=True)
class Options:
    address: str = DEFAULT_WYOMING_ADDRESS
    insecure: bool = False  # whoever reaches the address may speak, and what is said can be read on the way
    service: str = DEFAULT_ADDRESS
    service_tls: Tls | None = None
    service_token: str | None = field(default=None, repr=False)
    log_level: str = "info"


def read_options(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Exits with a message (status 2) where something cannot be read. Raises ListeningError for a token's file."""
    given = _parser(environ).parse_args(arguments)
    return Options(
        address=given.address,
        insecure=given.insecure,
        service=given.service,
        service_tls=service_tls(given),
        service_token=_token(given.service_token_file),
        log_level=given.log_level,
    )


def _token(path: Path | None) -> str | None:
    try:
        return read_token(path) if path else None
    except ClientError as error:
        raise ListeningError(str(error)) from None


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gapless.doors.wyoming",
        description="Home Assistant's Wyoming protocol in front of a Gapless service.",
        epilog="Every flag can be given in the environment: --address is GAPLESS_WYOMING_ADDRESS.",
        allow_abbrev=False,
    )
    here = parser.add_argument_group("where")
    here.add_argument(
        "--address",
        type=address,
        metavar="HOST:PORT",
        help=f"to listen on; port 0 takes a free one [{DEFAULT_WYOMING_ADDRESS}]",
    )
    here.add_argument(
        "--insecure", **switch(), help="listen beyond loopback, although Wyoming has neither TLS nor tokens"
    )
    add_service(parser)
    parser.add_argument(
        "--service-token-file", type=file, metavar="FILE", help="the token that all who reach the door speak with"
    )
    set_defaults(parser, environ, "GAPLESS_WYOMING", address=DEFAULT_WYOMING_ADDRESS, insecure=False)
    return parser
