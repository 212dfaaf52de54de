"""The plug-ins as they would be published: in the wheel, importable beside their framework, and their pages tell the
versions that they are tested with."""

from __future__ import annotations

import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests import wheels
from tests.peers.conftest import ENVIRONMENTS, ROOT

PACKAGES = {"pipecat": "pipecat-ai", "livekit": "livekit-agents"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the wheel brings."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(wheels.build(folder)) as wheel:
        wheel.extractall(folder / "installed")
    return folder / "installed"


@pytest.mark.slow
@pytest.mark.parametrize("framework", PACKAGES)
def test_the_wheel_brings_the_plug_in_and_its_pages(installed: Path, framework: str) -> None:
    room = installed / "gapless" / "doors" / framework
    assert {"README.md", "CHANGELOG.md"} <= {path.name for path in room.iterdir()}
    python = ENVIRONMENTS / "agents" / "bin" / "python"
    if not python.exists():
        pytest.skip("make it with: make peers")
    code = f"import gapless.doors.{framework} as plug_in; print(plug_in.__file__)"
    done = subprocess.run([python, "-c", code], cwd=installed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[-1]).parent == room


@pytest.mark.parametrize("framework", PACKAGES)
def test_the_page_tells_what_is_tested(framework: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = (ROOT / "tests" / "peers" / "requirements-agents.txt").read_text()
    pinned = re.search(rf"^{PACKAGES[framework]}==(\S+)$", pins, re.MULTILINE)
    assert pinned
    page = (ROOT / "doors" / framework / "README.md").read_text()
    assert re.search(rf"^\| {project['version']} \| {pinned[1]} \|", page, re.MULTILINE)
    assert pinned[1] in (ROOT / "docs" / f"{framework}.md").read_text()
    changes = (ROOT / "doors" / framework / "CHANGELOG.md").read_text()
    assert f"\n## {project['version']}\n" in changes
