"""What the command lines of doors have in common: flags with variables, an address, the service behind the door, and
that the door serves until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from gapless.client import DEFAULT_ADDRESS, ClientError, Tls

from .listening.errors import ListeningError


class DoorOptions(Protocol):
    @property
    def address(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def log_level(self) -> str: ...


Options = TypeVar("Options", bound=DoorOptions)

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def run(
    name: str,
    read_options: Callable[[Sequence[str], Mapping[str, str]], Options],
    serving: Callable[[Options], AbstractAsyncContextManager[int]],
    url: Callable[[Options, str, int], str],
) -> int:
    """Serves until SIGTERM or SIGINT. Returns the exit status: 1, after one line, where it cannot.

    `url`: of the door at a host and a port."""
    try:
        options = read_options(sys.argv[1:], os.environ)
        logging.basicConfig(
            level=options.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        asyncio.run(_serve(name, options, serving, url))
    except (ClientError, ListeningError) as error:
        sys.stderr.write(f"{name}: {' '.join(str(error).split())}\n")
        return 1
    return 0


async def _serve(
    name: str,
    options: Options,
    serving: Callable[[Options], AbstractAsyncContextManager[int]],
    url: Callable[[Options, str, int], str],
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(options) as port:
        host = options.address.rpartition(":")[0]
        sys.stdout.write(f"{name}: {url(options, host, port)} speaks for {options.service}\n")
        sys.stdout.flush()
        await stop.wait()


def add_service(parser: argparse.ArgumentParser) -> None:
    """The flags that `service_tls` reads, --service and --log-level."""
    behind = parser.add_argument_group("the service behind")
    several = "several: where one is lost, the next goes on"
    behind.add_argument("--service", metavar="HOST:PORT[,...]", help=f"where it listens; {several} [{DEFAULT_ADDRESS}]")
    behind.add_argument("--service-tls", **switch(), help="it speaks TLS, with a certificate that is trusted anyway")
    behind.add_argument("--service-tls-ca", type=file, metavar="FILE", help="TLS, and who signs its certificate (PEM)")
    behind.add_argument("--service-tls-cert", type=file, metavar="FILE", help="the door's own certificate (PEM)")
    behind.add_argument("--service-tls-key", type=file, metavar="FILE", help="its key")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="[info]")


def service_tls(given: argparse.Namespace) -> Tls | None:
    files = given.service_tls_ca, given.service_tls_cert, given.service_tls_key
    if not given.service_tls and not any(files):
        return None
    return Tls(ca=files[0], certificate=files[1], key=files[2])


def set_defaults(
    parser: argparse.ArgumentParser,
    environ: Mapping[str, str],
    prefix: str,
    several: Mapping[str, Callable[[str], Any]] | None = None,
    **defaults: Any,
) -> None:
    """--flag is PREFIX_FLAG of `environ`; argparse reads defaults that are strings as it reads arguments. `several`:
    flags that may come again, whose variable has commas."""
    defaults = {"service": DEFAULT_ADDRESS, "log_level": "info", "service_tls": False} | defaults
    for action in parser._actions:
        if text := environ.get(f"{prefix}_{action.dest.upper()}"):
            read = (several or {}).get(action.dest)
            defaults[action.dest] = [read(part) for part in text.split(",")] if read else text
    parser.set_defaults(**defaults)


def switch() -> dict[str, Any]:
    """A flag without a value; its variable has one."""
    return {"nargs": "?", "const": True, "type": _is_on, "metavar": ""}


def address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535 or (":" in host and not host.startswith("[")):
        raise argparse.ArgumentTypeError(f"{text!r} is not host:port, for example 127.0.0.1:8880 or [::1]:8880")
    return text


def file(text: str) -> Path:
    return Path(text).expanduser()


def _is_on(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join((*_TRUE, *_FALSE))}")
    return text.lower() in _TRUE
