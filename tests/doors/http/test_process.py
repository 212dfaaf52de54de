"""`python -m gapless.doors.http` as a process: its one line, what it says where it cannot start, and how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import aiohttp

from tests.service.conftest import serve_scripted

ROOT = Path(__file__).parents[3]
READY = re.compile(rb"gapless-http: (http://127\.0\.0\.1:\d+)/v1 speaks for (\S+)\n")


async def started(*flags: str, **environ: str) -> Process:
    command = [sys.executable, "-m", "gapless.doors.http", *flags]
    return await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, **environ}, stdout=PIPE, stderr=PIPE
    )


async def complaint(*flags: str) -> tuple[int | None, str]:
    process = await started(*flags)
    output, said = await process.communicate()
    assert output == b""
    return process.returncode, said.decode()


async def test_it_says_where_it_is_and_lets_what_runs_end() -> None:
    async with serve_scripted() as served:
        process = await started(GAPLESS_HTTP_ADDRESS="127.0.0.1:0", GAPLESS_HTTP_SERVICE=served.address)
        assert process.stdout is not None
        ready = READY.fullmatch(await process.stdout.readline())
        assert ready
        assert ready[2].decode() == served.address
        body = {"input": "word " * 20, "voice": "slow", "response_format": "pcm"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{ready[1].decode()}/v1/audio/speech", json=body) as response,
        ):
            await response.content.readany()
            process.send_signal(signal.SIGTERM)
            rest = await response.read()
        assert len(rest) > 100_000
        assert await process.wait() == 0


async def test_what_it_cannot_do_is_one_line_and_status_1() -> None:
    for flags, said in (
        (["--address", "0.0.0.0:0", "--service", "127.0.0.1:1"], "stays closed"),
        (["--tls-cert", "nowhere.pem", "--tls-key", "nowhere.key"], "nowhere.pem cannot be read"),
        (["--tls-cert", "c"], "come together"),
        (["--service", "192.0.2.1:1"], "only over TLS"),
    ):
        status, message = await complaint(*flags)
        assert status == 1
        assert said in message
        assert message.startswith("gapless-http: ")
        assert message.count("\n") == 1


async def test_a_flag_that_is_not_there_is_status_2() -> None:
    status, message = await complaint("--adress", "x")
    assert status == 2
    assert "unrecognized arguments" in message
