"""Engines that a real Ray manages, over nodes of one machine: what listeners hear when a raylet, a node or a gateway is
killed, and what is left afterwards. `make ray-test` sets Ray up: 80 MB to download, and minutes to run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.conftest import ENVIRONMENTS, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.plug_ins, pytest.mark.timeout(900)]

PYTHON = ENVIRONMENTS / "ray" / "bin" / "python"
PROGRAM = ROOT / "tests" / "peers" / "programs" / "ray_cluster.py"
# Ray takes the address of the network's interface in place of loopback, unless there is no other network.
ALONE = ["unshare", "--map-root-user", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
_LIMIT_S = 800.0
AUDIBLE_MS = 100


@pytest.fixture
def folder() -> Iterator[Path]:
    """A home and a place for Ray's files; the names of its sockets are long, so this one is short."""
    made = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def play(scene: str, folder: Path) -> Any:
    if not PYTHON.exists():
        pytest.skip("Ray is missing; run this with: make ray-test")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "GAPLESS_"))}
    environ |= {"HOME": str(folder), "RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0"}
    command = [*ALONE, "sh", "-c", 'ip link set lo up && "$@"', "sh", str(PYTHON), str(PROGRAM), scene, str(folder)]
    with (folder / "log").open("w+") as log:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, env=environ, text=True, timeout=_LIMIT_S)
        log.seek(0)
        assert done.returncode == 0, log.read()[-6000:]
    print(done.stdout)  # noqa: T201
    return json.loads(done.stdout.splitlines()[-1])


def test_listeners_hear_every_sample_once_whatever_becomes_of_nodes(folder: Path) -> None:
    """The program itself compares the samples."""
    told = play("losses", folder)
    assert told["spread"] == [1, 1]
    for loss in ("node", "stopped"):
        assert told[loss]["moves"] > 0
        assert told[loss]["seen_s"] < 1.0  # Ray takes 2 s for the one, and 64 s for the other
        assert told[loss]["gap_ms"] < AUDIBLE_MS
    assert told["raylet"]["gap_ms"] < AUDIBLE_MS
    assert told["node"]["engine_server_gone"]
    assert told["left"] == {}
    assert told["actors"] == ["DEAD"]


def test_a_node_that_is_added_under_load_gets_an_engine_and_each_engine_a_card(folder: Path) -> None:
    told = play("growth", folder)
    assert told["added"]["on_new_node"] == 1
    assert told["moves_without_fault"] == 0
    assert told["cards"] == ["0", "1"]
    assert told["left"] == {}


def test_a_gateway_leaves_nothing_however_it_ends(folder: Path) -> None:
    told = play("service", folder)
    assert [told[how]["status"] for how in ("SIGTERM", "SIGINT", "SIGKILL")] == [0, 0, -9]
    for one in told.values():
        assert one["said"].startswith("gapless: serving scripted")
        assert one["complaints"] == []


def test_a_cluster_is_reached_through_rays_client(folder: Path) -> None:
    assert play("client", folder)["gone_s"] < 40
