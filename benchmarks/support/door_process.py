"""The HTTP door in a process of its own."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator

_READY = re.compile(r"gapless-http: (http://\S+)/v1 ")


@contextlib.contextmanager
def http_door(service_address: str) -> Iterator[str]:
    """Yields its URL."""
    command = [sys.executable, "-m", "gapless.doors.http", "--address", "127.0.0.1:0", "--service", service_address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = _READY.match(process.stdout.readline())
        try:
            if ready is None:
                raise RuntimeError("the door did not start")
            yield ready[1]
        finally:
            process.terminate()
