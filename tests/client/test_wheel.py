"""What other people install: one top-level name, no torch, and it speaks in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests import wheels
from tests.client.fake_server import FakeServer
from tests.wheels import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheels.build(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_one_name_and_all_of_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"gapless"}
    sources = [*(ROOT / "client").rglob("*.py"), *(ROOT / "doors").rglob("*.py")]
    modules = {f"gapless/{path.relative_to(ROOT)}" for path in sources}
    files = (ROOT / "doors" / "http" / "page" / "files").iterdir()
    assert modules | {f"gapless/{path.relative_to(ROOT)}" for path in files} <= set(names)
    for needed in ("client/py.typed", "tts/v1/tts_pb2.py", "tts/v1/tts_pb2.pyi", "tts/v1/tts_pb2_grpc.py"):
        assert f"gapless/{needed}" in names


def test_the_floors_are_at_least_what_the_stubs_were_generated_for() -> None:
    """The generated code refuses to be imported with an older runtime, so an older one must not get installed."""
    wanted = {
        "grpcio": re.search(r"GRPC_GENERATED_VERSION = '([\d.]+)'", _stub("tts_pb2_grpc.py")),
        "protobuf": re.search(r"Protobuf Python Version: ([\d.]+)", _stub("tts_pb2.py")),
    }
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    floors = dict(dependency.split(",")[0].split(">=") for dependency in dependencies)
    for package, generated in wanted.items():
        assert generated
        assert _version(floors[package]) >= _version(generated[1].removesuffix(".0"))


@pytest.mark.timeout(300)
def test_it_speaks_in_an_empty_environment_beside_proto_plus(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "environment"
    venv.create(home)
    python, command = home / "bin" / "python", home / "bin" / "gapless"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install", "--quiet"]
    install = [*pip, "--no-compile", str(wheel), "proto-plus"]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode and "CI" not in os.environ:
        pytest.skip(f"packages cannot be installed here: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    code = (
        "import proto, sys, gapless.client as client; print(client.Client, 'torch' in sys.modules);"
        "import importlib.util as find; assert not any(map(find.find_spec, ('client', 'torch', 'engine', 'service')))"
    )
    imported = subprocess.run([str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert imported.stdout == "<class 'gapless.client.client.Client'> False\n", imported.stderr
    with FakeServer() as server:
        said = subprocess.run(
            [str(command), "say", "--address", server.address, "--out", "said.wav", "--json", "Hello."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["chunks"] == 4
    assert (tmp_path / "said.wav").stat().st_size > 10_000


def _stub(name: str) -> str:
    return (ROOT / "gapless" / "tts" / "v1" / name).read_text()


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
