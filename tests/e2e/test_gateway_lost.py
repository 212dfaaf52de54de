"""Two gateways share a key, each with an engine of its own: one is killed, and its listener goes on at the other."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Client
from tests.e2e.outside import ROOT
from tests.e2e.test_engines import TEXT, child_of
from tests.e2e.test_process import address_of
from tests.engine.tiny import write_tiny_model

Gateway = subprocess.Popen[str]


@pytest.fixture
def gateways(tmp_path: Path) -> Iterator[list[Gateway]]:
    key = tmp_path / "key"
    key.write_text("k" * 64)
    flags = ["--address", "127.0.0.1:0", "--model", str(write_tiny_model(tmp_path)), "--engines", "process"]
    flags += ["--max-utterances", "2", "--deterministic", "--resume-key-file", str(key)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    command, pipe = [sys.executable, "-m", "service", *flags], subprocess.PIPE
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(subprocess.Popen(command, cwd=ROOT, env=environ, stdout=pipe, stderr=pipe, text=True))
            for _ in range(2)
        ]
        try:
            yield started
        finally:
            for process in started:
                process.kill()


async def test_the_listener_hears_every_sample_once(gateways: list[Gateway]) -> None:
    addresses, engine = [address_of(one) for one in gateways], child_of(gateways[0])
    async with Client(addresses) as client:
        whole = b"".join([chunk.data async for chunk in client.say(TEXT, seed=7, max_lead=0.0)])
        heard = b""
        async with client.utterance(seed=7, max_lead=0.3) as utterance:
            await utterance.push(TEXT)
            await utterance.end()
            async for chunk in utterance:
                heard += chunk.data
                if chunk.seq == 1:
                    gateways[0].kill()
    assert heard == whole
    assert [one.address for one in utterance.record.resumed] == addresses[1:]
    with contextlib.suppress(ProcessLookupError):  # it ends by itself, soon
        os.kill(engine, signal.SIGKILL)
