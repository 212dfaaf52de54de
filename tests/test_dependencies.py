"""The image is what was tested: its locked dependencies fit pyproject.toml and are what these tests run with."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCKS = sorted((ROOT / "deploy").glob("*.txt"))
REQUIREMENTS = ROOT / "deploy" / "requirements.txt"
_PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


def pins(path: Path) -> dict[str, str]:
    """The version of each package by its canonical name; all that the file says is pins with hashes, and comments."""
    text = re.sub(r"#.*\n", "", path.read_text())
    text = text.replace("--index-url https://download.pytorch.org/whl/cpu\n", "")
    assert _PIN.sub("", text).strip() == "", "a line that is no pin with hashes"
    return {canonicalize_name(name): version for name, version, _ in _PIN.findall(text)}


def required(requirements: list[str]) -> list[Requirement]:
    """Those that apply here, and those of the project's own extras that they name."""
    found = []
    for text in requirements:
        requirement = Requirement(text)
        if requirement.name == PROJECT["name"]:
            for extra in requirement.extras:
                found += required(PROJECT["optional-dependencies"][extra])
        elif requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement)
    return found


def serving() -> list[Requirement]:
    """What the image runs: the service and its doors."""
    extras = PROJECT["optional-dependencies"]
    return required([*PROJECT["dependencies"], *extras["service"], *extras["http"], *extras["wyoming"]])


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_every_line_by_hash_and_names_no_place(path: Path) -> None:
    assert pins(path)


def test_the_lock_fits_what_the_project_asks_for() -> None:
    """`make lock` was forgotten, if this fails."""
    locked = pins(REQUIREMENTS) | pins(ROOT / "deploy" / "torch-cpu.txt")
    for requirement in serving():
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not locked"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement} is locked at {version}"


def test_the_lock_has_all_that_its_packages_need() -> None:
    locked = pins(REQUIREMENTS) | pins(ROOT / "deploy" / "torch-cpu.txt")
    for name in locked:
        for requirement in required(distribution(name).requires or []):
            assert canonicalize_name(requirement.name) in locked, f"{name} needs {requirement}"


def test_these_tests_run_with_what_is_locked() -> None:
    different = {}
    for name, version in pins(REQUIREMENTS).items():
        try:
            installed = distribution(name).version
        except PackageNotFoundError:
            installed = "nothing"
        if installed != version:
            different[name] = f"locked {version}, installed {installed}"
    assert different == {}


def test_every_torch_is_the_one_that_is_tested() -> None:
    tested = Requirement("".join(re.findall(r"^torch.*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)))
    for device in ("cpu", "cuda"):
        assert tested.specifier.contains(pins(ROOT / "deploy" / f"torch-{device}.txt")["torch"]), device


def test_setuptools_is_the_one_that_is_locked() -> None:
    assert pins(ROOT / "deploy" / "setuptools.txt").items() <= pins(REQUIREMENTS).items()


def test_the_image_installs_by_hash_on_a_base_by_digest() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    (base,) = re.findall(r"^ARG BASE=(\S+)", DOCKERFILE, re.MULTILINE)
    assert set(bases) == {"${BASE}"}
    assert re.fullmatch(r"python:\S+@sha256:[0-9a-f]{64}", base)
    installs = re.findall(r"pip install (.*?)(?: \\)?\n", DOCKERFILE)
    assert installs
    assert all(install.startswith("--require-hashes ") for install in installs)


def test_grpc_is_bounded_while_a_private_method_of_it_is_called() -> None:
    """A release of grpcio may rename what the client calls; it is to be tried before users get it."""
    uses = [path for path in (ROOT / "client").rglob("*.py") if "_cython_call" in path.read_text()]
    (grpcio,) = (requirement for requirement in serving() if requirement.name == "grpcio")
    assert (uses != []) == any(part.operator == "<" for part in grpcio.specifier)
