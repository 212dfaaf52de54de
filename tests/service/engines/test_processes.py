"""Engine servers as children: started again when they die, gone when their parent is."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.engines.addresses import addresses_of
from service.engines.pool import Pool
from service.engines.processes import Processes, keep_answering
from tests.service.engines.servers import Listener, check_whole

COMMAND = ("-m", "tests.service.engines.scripted_process")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def only_child(processes: Processes) -> int:
    (child,) = processes.children.values()
    return child.process.pid


async def test_a_child_that_is_killed_is_started_again_and_goes_on_with_its_utterance() -> None:
    processes = Processes([{}], COMMAND)
    pool = Pool(processes.find, version="test")
    try:
        async with asyncio.timeout(30):
            await pool.ready()
            listener = Listener(pool, "one")
            speaking = asyncio.create_task(listener.speak())
            while len(listener.heard.chunks) < 5:
                await asyncio.sleep(0.005)
            (address,) = await processes.find()
            folder = Path(address.removeprefix("unix:")).parent
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            pid = only_child(processes)
            assert os.getpgid(pid) == pid, "a Ctrl-C is not for it"
            assert os.getsid(pid) == os.getsid(0), "where threads give way to each other"
            os.kill(pid, signal.SIGKILL)
            check_whole(await speaking)
            assert pool.moves == 1
            other = only_child(processes)
            assert other != pid
    finally:
        await pool.close()
        await processes.close()
    assert not is_running(other)
    assert not folder.exists()


async def test_a_child_that_hangs_is_killed_and_started_again() -> None:
    processes = Processes([{}], COMMAND)
    pool = Pool(processes.find, version="test")
    keeping = asyncio.create_task(keep_answering(processes, pool, hangs_after_s=1.0))
    try:
        async with asyncio.timeout(30):
            await pool.ready()
            pid = only_child(processes)
            os.kill(pid, signal.SIGSTOP)
            listener = Listener(pool, "one")
            while only_child(processes) == pid:
                await asyncio.sleep(0.02)
            await pool.ready()
            check_whole(await listener.speak())
            await asyncio.sleep(2.0)
            assert not keeping.done()
        assert not is_running(pid)
    finally:
        keeping.cancel()
        await pool.close()
        await processes.close()


async def test_a_child_that_takes_long_to_start_is_not_killed() -> None:
    """Also where the one before it has served: what it said counts for itself alone."""
    environ: dict[str, str] = {}
    processes = Processes([environ], COMMAND)
    pool = Pool(processes.find, version="test")
    keeping = asyncio.create_task(keep_answering(processes, pool, hangs_after_s=0.5))
    try:
        async with asyncio.timeout(30):
            await pool.ready()
            environ["SCRIPTED_LOADING_S"] = "2.5"
            pid = only_child(processes)
            os.kill(pid, signal.SIGKILL)
            while only_child(processes) == pid:
                await asyncio.sleep(0.02)
            second = only_child(processes)
            await asyncio.sleep(0.5)
            assert not any(engine.serves for engine in pool.engines.values())
            await pool.ready()
            assert only_child(processes) == second
    finally:
        keeping.cancel()
        await pool.close()
        await processes.close()


async def test_a_child_that_cannot_start_is_told() -> None:
    processes = Processes([{"GAPLESS_MODEL": "none"}], COMMAND)
    try:
        async with asyncio.timeout(30):
            assert "status 1" in str(await processes.failed)
    finally:
        await processes.close()


async def test_a_child_that_the_system_refuses_is_tried_again() -> None:
    """Whatever keeps the children ended with the first error of the system, and nobody heard of it."""
    environ = {"TOO_MUCH": "-" * 200_000}  # Linux takes 128 KiB in one variable
    processes = Processes([environ], COMMAND)
    pool = Pool(processes.find, version="test")
    try:
        async with asyncio.timeout(30):
            await asyncio.sleep(0.05)
            assert not processes.children
            environ.clear()
            await pool.ready()
    finally:
        await pool.close()
        await processes.close()


def test_a_child_ends_with_its_parent_however_that_ends() -> None:
    script = f"""
import asyncio
from service.engines.pool import Pool
from service.engines.processes import Processes

async def main():
    processes = Processes([{{}}], {COMMAND!r})
    await Pool(processes.find, version="test").ready()
    ((address, child),) = processes.children.items()
    print(child.process.pid, address, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    told, address = parent.stdout.readline().split()
    pid = int(told)
    assert is_running(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 5
    while is_running(pid):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert not Path(address.removeprefix("unix:")).parent.exists(), "the child takes away what its parent could not"


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("10.0.0.1:5,10.0.0.2:6", ["10.0.0.1:5", "10.0.0.2:6"]),
        ("dns:///127.0.0.1:7", ["127.0.0.1:7"]),
        ("dns:///[::1]:7", ["[::1]:7"]),
    ],
)
async def test_engines_are_found_by_list_or_by_name(where: str, found: list[str]) -> None:
    assert await addresses_of(where)() == found


async def test_a_name_that_no_host_can_have_is_told_as_one_that_is_not_known() -> None:
    """Python says so by another error, which ended whoever looks for engines."""
    with pytest.raises(OSError, match=r"'a\.\.b' cannot be the name"):
        await addresses_of("dns:///a..b:7")()
