"""Published directories of a few thousand random parameters."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.support.random_checkpoint import write
from engine.checkpoints.variants import VARIANTS

Make = Callable[[str], Path]


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Each variant, written once for all tests: look, don't touch."""
    written: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in written:
            written[name] = tmp_path_factory.mktemp(name) / name
            write(VARIANTS[name], written[name], "tiny")
        return written[name]

    return make


@pytest.fixture
def published(pristine: Make, tmp_path: Path) -> Make:
    """A copy to spoil."""

    def make(name: str) -> Path:
        return Path(shutil.copytree(pristine(name), tmp_path / name))

    return make
