"""What the tests from outside share: a server to talk to, and the tools that come from npm."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.access.access import Access
from tests.service.conftest import serve_scripted

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "tests" / "node"


@contextmanager
def scripted_service(access: Access | None = None) -> Iterator[str]:
    """The service over a scripted engine, on a loop in a thread of its own; gives its address."""
    bound: Future[str] = Future()
    done = threading.Event()

    async def serve() -> None:
        async with serve_scripted(access=access) as served:
            bound.set_result(served.address)
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=[serve()], name="scripted-service")
    thread.start()
    try:
        yield bound.result(timeout=10)
    finally:
        done.set()
        thread.join()


@pytest.fixture
def scripted_address() -> Iterator[str]:
    """Address of a service over a scripted engine, which makes a voice of any recording."""
    with scripted_service() as address:
        yield address


@pytest.fixture(scope="module", params=["scripted", "embedded"])
def any_address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a service: once over a scripted engine, once with the embedded voice (the fixture `address`)."""
    if request.param == "embedded":
        yield request.getfixturevalue("address")
        return
    with scripted_service() as address:
        yield address


def run_tool(*command: str | Path, cwd: Path = ROOT) -> str:
    """Standard output of a tool that must succeed."""
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=90)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The installed packages of tests/node. Where npm is missing: skipped, but a failure under CI=true."""
    modules = NODE / "node_modules"
    if shutil.which("npm") is None:
        message = "npm is missing; install Node.js to run the tests in another language"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    if not (modules / "@bufbuild" / "protoc-gen-es").is_dir():
        run_tool("npm", "ci", "--no-audit", "--no-fund", cwd=NODE)
    return modules
