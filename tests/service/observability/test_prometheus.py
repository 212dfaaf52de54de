"""A real Prometheus takes what the server says, and its own checker finds nothing to blame.

Where it is missing: skipped, but a failure under CI=true, where Debian's package is installed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import create_server

import grpc
import pytest

from service.observability.metrics import Exposition
from tests.service.conftest import Served
from tests.service.talk import end, say, seeded, text

CONFIG = """
global: {{scrape_interval: 250ms}}
scrape_configs:
  - job_name: gapless
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        message = f"{name} is missing; install Debian's package prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@asynccontextmanager
async def exposed(served: Served) -> AsyncIterator[int]:
    """The port of its metrics, after utterances that ended in every way."""
    await say(served.stub, [seeded(), text("One two three."), end()])
    for broken in (seeded("broken"), seeded("nobody")):
        with pytest.raises(grpc.aio.AioRpcError):
            await say(served.stub, [broken, text("One two three."), end()])
    exposition = await asyncio.to_thread(Exposition, served.metrics.registry, "127.0.0.1", 0)
    try:
        yield exposition.port
    finally:
        await asyncio.to_thread(exposition.close)


async def fetched(url: str) -> bytes:
    def fetch() -> bytes:
        return bytes(urllib.request.urlopen(url, timeout=5).read())

    return await asyncio.to_thread(fetch)


async def test_its_checker_finds_nothing_to_blame(served: Served) -> None:
    promtool = tool("promtool")
    async with exposed(served) as port:
        page = await fetched(f"http://127.0.0.1:{port}/metrics")
    checked = await asyncio.to_thread(
        subprocess.run, [promtool, "check", "metrics"], input=page, capture_output=True, timeout=30
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


async def test_it_scrapes_and_answers(served: Served, tmp_path: Path) -> None:
    prometheus = tool("prometheus")
    with create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = tmp_path / "prometheus.yml"
    async with exposed(served) as port:
        config.write_text(CONFIG.format(port=port), encoding="utf-8")
        command = [prometheus, f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data"]
        with subprocess.Popen([*command, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL) as process:
            try:
                async with asyncio.timeout(30):
                    while not (found := await asked(address, 'gapless_utterances_total{code="OK",reason="COMPLETED"}')):
                        await asyncio.sleep(0.2)
                assert found == ["1"]
                assert await asked(address, "up") == ["1"]
            finally:
                process.kill()


async def asked(address: str, query: str) -> list[str]:
    """The values of a query; none while Prometheus is not there yet."""
    try:
        answer = await fetched(f"http://{address}/api/v1/query?query={urllib.parse.quote(query)}")
    except OSError:
        return []
    return [one["value"][1] for one in json.loads(answer)["data"]["result"]]
