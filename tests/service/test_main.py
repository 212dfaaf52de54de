"""`python -m service` as a process: its help, and failures before a model is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.service.conftest import Served


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, env={**os.environ, **environ})


def test_help_tells_every_flag() -> None:
    result = run("--help")
    assert result.returncode == 0
    for flag in (
        "--address",
        "--model",
        "--metrics-port",
        "--max-utterances",
        "--utterance-memory",
        "--max-lead",
        "--drain-timeout",
        "GAPLESS_MAX_LEAD",
    ):
        assert flag in result.stdout


async def test_a_taken_port_is_a_clear_error(served: Served) -> None:
    result = run("--address", served.address)
    assert result.returncode == 1
    assert f"cannot listen on {served.address}" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_folder_of_a_socket_is_named() -> None:
    """It was told as a port in use."""
    result = run("--address", "unix:/nowhere/at/all/gapless")
    assert result.returncode == 1
    assert "there is no folder /nowhere/at/all" in result.stderr


async def test_a_taken_port_for_metrics_is_a_clear_error(served: Served) -> None:
    port = served.address.rpartition(":")[2]
    result = run("--address", "127.0.0.1:0", "--metrics-port", port)
    assert result.returncode == 1
    assert f"cannot serve metrics on 127.0.0.1:{port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_exporter_is_a_clear_error() -> None:
    result = run(OTEL_TRACES_EXPORTER="zipkin")
    assert result.returncode == 1
    assert "gapless: traces exporter 'zipkin'" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_was_loaded_is_no_work_for_the_garbage_collector() -> None:
    script = """
import gc
from service.options import read_options
from service.source import load_engine

engine = load_engine(read_options(["--max-utterances", "1"], "0").engine)
print(len(gc.get_objects()), gc.get_freeze_count())
engine.close()
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    watched, frozen = map(int, result.stdout.split())
    assert watched < frozen / 50


@pytest.mark.skipif(sys.platform != "linux", reason="one niceness for all threads of a process")
def test_what_loads_gives_way_and_what_speaks_does_not() -> None:
    """An engine that was started again took the processor from listeners of another one on the same cores."""
    script = """
import contextlib
import os
import threading

from service.options import read_options
from service.source import load_engine

def niceness():
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found = {}
    for thread in map(int, os.listdir("/proc/self/task")):
        with contextlib.suppress(ProcessLookupError):  # it has ended
            found[thread] = (os.getpriority(os.PRIO_PROCESS, thread), names.get(thread, ""))
    return found.values()

def look():
    while not is_over.wait(0.02):
        seen.append(max(niceness())[0])

given, seen, is_over = max(niceness())[0], [], threading.Event()
looking = threading.Thread(target=look)
looking.start()
engine = load_engine(read_options(["--max-utterances", "1"], "0").engine)
is_over.set()
looking.join()
print(len(seen), sum(one > given for one in seen))
print(*sorted({name for nice, name in niceness() if nice == given and name}))
print(*sorted({name for nice, name in niceness() if nice != given}))
engine.close()
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    looks, ordinary, standing_back = map(str.split, result.stdout.splitlines())
    assert int(looks[1]) > int(looks[0]) / 2
    assert {"text", "t3", "flow"} < set(ordinary)
    assert standing_back == ["voices_0"], "which only prepares"
