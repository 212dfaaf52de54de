"""A service of its own for a benchmark: started on a free port of this machine, stopped at the end."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

START_LIMIT_S = 120.0


@contextlib.contextmanager
def service(*flags: str) -> Iterator[str]:
    """Starts `python -m service` and yields its address once it serves. Raises RuntimeError with what it said."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "service", "--address", address, *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        _wait_until_serving(process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_serving(process: subprocess.Popen[str]) -> None:
    said: list[str] = []
    serving = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if "serving" in line:
                serving.set()
        serving.set()

    threading.Thread(target=read, name="service-output", daemon=True).start()
    if not serving.wait(START_LIMIT_S) or not any("serving" in line for line in said):
        process.kill()
        raise RuntimeError(f"the service did not start:\n{''.join(said)}")
