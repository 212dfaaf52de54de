"""`python -m gapless.doors.http`: serves until SIGTERM or SIGINT. Exit status 1 and one line where it cannot."""

from __future__ import annotations

import sys

from ..command_line import run
from .options import Options, read_options
from .server import serving


def main() -> int:
    return run("gapless-http", read_options, serving, _url)


def _url(options: Options, host: str, port: int) -> str:
    return f"{'https' if options.tls else 'http'}://{host}:{port}/v1"


if __name__ == "__main__":
    sys.exit(main())
