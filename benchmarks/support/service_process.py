"""A service of its own for a benchmark: started on a free port of this machine, stopped at the end."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

START_LIMIT_S = 120.0
SERVING = re.compile(r"serving .* on (\S+:\d+)")


@contextlib.contextmanager
def service(*flags: str) -> Iterator[str]:
    """Starts `python -m service` and yields its address once it serves. Raises RuntimeError with what it said."""
    with process(*flags) as (address, _):
        yield address


@contextlib.contextmanager
def process(*flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The same, with the process."""
    command = [sys.executable, "-m", "service", "--address", "127.0.0.1:0", *flags]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield wait_until_serving(running, []), running
    finally:
        running.terminate()
        running.wait(timeout=60)


def wait_until_serving(process: subprocess.Popen[str], said: list[str]) -> str:
    """The address, from the line that says so; `said` gets all lines, now and later. Raises RuntimeError."""
    serving = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                said.append(line)
                if SERVING.search(line):
                    serving.set()
        serving.set()

    threading.Thread(target=read, name="service-output", daemon=True).start()
    serving.wait(START_LIMIT_S)
    line = next((match for match in map(SERVING.search, said) if match), None)
    if line is None:
        process.kill()
        raise RuntimeError(f"the service did not start:\n{''.join(said)}")
    return line.group(1)
