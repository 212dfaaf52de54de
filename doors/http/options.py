"""The command line and the environment of `python -m gapless.doors.http`, read once.

A flag wins over its variable: --address is GAPLESS_HTTP_ADDRESS.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gapless.client import DEFAULT_ADDRESS, Tls

from ..aliases import OPENAI_VOICES, Aliases
from ..command_line import add_service, address, file, service_tls, set_defaults, switch
from ..listening.certificates import TlsFiles
from ..listening.errors import ListeningError

DEFAULT_HTTP_ADDRESS = "127.0.0.1:8880"


@dataclass(frozen=True, kw_only=True)
class Options:
    address: str = DEFAULT_HTTP_ADDRESS
    tls: TlsFiles | None = None  # None: plain text
    insecure: bool = False  # TLS is waived beyond loopback
    anonymous: bool = False  # a service that wants no tokens is shown to other machines
    hosts: tuple[str, ...] = ()  # names that a browser calls the door by, beside numbers and private names
    service: str = DEFAULT_ADDRESS
    service_tls: Tls | None = None
    aliases: Aliases = field(default_factory=Aliases)
    log_level: str = "info"


def read_options(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Exits with a message (status 2) where something cannot be read. Raises ListeningError for half a pair."""
    given = _parser(environ).parse_args(arguments)
    return Options(
        address=given.address,
        tls=_own_tls(given.tls_cert, given.tls_key),
        insecure=given.insecure,
        anonymous=given.anonymous,
        hosts=tuple(given.host or ()),
        service=given.service,
        service_tls=service_tls(given),
        aliases=Aliases().with_(dict(given.voice or ())),
        log_level=given.log_level,
    )


def _own_tls(certificate: Path | None, key: Path | None) -> TlsFiles | None:
    if (certificate is None) != (key is None):
        raise ListeningError("--tls-cert and --tls-key come together: a certificate, and the key that belongs to it")
    return None if certificate is None or key is None else TlsFiles(certificate=certificate, key=key)


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gapless.doors.http",
        description="OpenAI's speech API (POST /v1/audio/speech) in front of a Gapless service.",
        epilog="Every flag can be given in the environment: --address is GAPLESS_HTTP_ADDRESS. The token that a caller "
        "shows goes on to the service, which knows what it may do; the door has none of its own.",
        allow_abbrev=False,
    )
    here = parser.add_argument_group("where")
    here.add_argument(
        "--address", type=address, metavar="HOST:PORT", help="to listen on; port 0 takes a free one [127.0.0.1:8880]"
    )
    here.add_argument("--tls-cert", type=file, metavar="FILE", help="certificate (PEM); read again when it changes")
    here.add_argument("--tls-key", type=file, metavar="FILE", help="its key (PEM, no passphrase)")
    here.add_argument(
        "--insecure", **switch(), help="listen beyond loopback without TLS: something in front of the door ends it"
    )
    here.add_argument(
        "--anonymous", **switch(), help="listen beyond loopback although the service asks nobody for a token"
    )
    here.add_argument(
        "--host",
        action="append",
        type=_host,
        metavar="NAME",
        help="a name that browsers call the door by, for example of a proxy in front; may come again [numbers and "
        "names without a public domain; any name where the door is reached from other machines and wants tokens]",
    )
    add_service(parser)
    names = parser.add_argument_group("names")
    names.add_argument(
        "--voice",
        action="append",
        type=_alias,
        metavar="NAME=VOICE",
        help=f"a name that means a voice of the service; may come again [{', '.join(OPENAI_VOICES)} mean its default "
        "voice]",
    )
    set_defaults(
        parser,
        environ,
        "GAPLESS_HTTP",
        {"voice": _alias, "host": _host},
        address=DEFAULT_HTTP_ADDRESS,
        insecure=False,
        anonymous=False,
    )
    return parser


def _alias(text: str) -> tuple[str, str]:
    name, equals, voice = text.strip().partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VOICE, for example alloy=karl")
    return name, voice


def _host(text: str) -> str:
    name = text.strip()
    if not name or set(name) & set("/:@ "):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a host, for example speech.example.org")
    return name
