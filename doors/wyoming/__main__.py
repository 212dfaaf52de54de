"""`python -m gapless.doors.wyoming`: serves until SIGTERM or SIGINT. Exit status 1 and one line where it cannot."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from gapless.client import ClientError

from ..listening.errors import ListeningError
from .options import Options, read_options
from .server import serving


def main() -> int:
    try:
        options = read_options(sys.argv[1:], os.environ)
        logging.basicConfig(
            level=options.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        asyncio.run(_serve(options))
    except (ClientError, ListeningError) as error:
        sys.stderr.write(f"gapless-wyoming: {' '.join(str(error).split())}\n")
        return 1
    return 0


async def _serve(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(options) as port:
        host = options.address.rpartition(":")[0]
        sys.stdout.write(f"gapless-wyoming: tcp://{host}:{port} speaks for {options.service}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
