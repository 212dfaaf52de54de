"""Fixtures of the parity tests, and the table that a full run leaves."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.parity.harness import FULL, INTERPRETER, ROOT, TOLERANCE, Answer, relative
from tests.parity.reference.serve import peak_mb
from tests.parity.report import Report

_report = Report()

Check = Callable[..., None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of a module waits for the reference's answers to all of its cases."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(1800 if FULL else 600))


@pytest.fixture(autouse=True, scope="session")
def reference_environment() -> None:
    """Where it is missing: a failure in CI, a skip elsewhere."""
    if INTERPRETER.exists():
        return
    message = f"{INTERPRETER.relative_to(ROOT)} is missing; make it with: make reference"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def check() -> Check:
    """check(case, ours, theirs, answer): max |difference| / max |reference| is within the tolerance, and reported.

    Integers (tokens) must be equal."""
    start = time.monotonic()

    def compare(
        case: str, ours: Tensor | float, theirs: Tensor | float, answer: Answer, tolerance: float = TOLERANCE
    ) -> None:
        nonlocal start
        ours, theirs = torch.as_tensor(ours), torch.as_tensor(theirs)
        if theirs.dtype.is_floating_point:
            measure, worst, limit = "relative", relative(ours, theirs), tolerance
        else:
            assert ours.shape == theirs.shape
            measure, worst, limit = "differing values", float((ours != theirs).sum()), 0.0
        _report.add(case, measure, worst, limit, time.monotonic() - start)
        _report.reference_peak_mb = max(_report.reference_peak_mb, answer.peak_mb)
        start = time.monotonic()
        assert worst <= limit, f"{case}: {worst:.2e} is more than {limit:.0e}"

    return compare


def pytest_sessionfinish(session: pytest.Session) -> None:
    """GAPLESS_PARITY_REPORT names the page whose table is to be replaced."""
    page = os.environ.get("GAPLESS_PARITY_REPORT")
    if page and _report.rows:
        _report.write(
            Path(page),
            f"Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} threads, "
            f"{platform.machine()}. Peak memory: {peak_mb() / 1024:.1f} GB here, "
            f"{_report.reference_peak_mb / 1024:.1f} GB in the reference's process; the two run one after the other.",
        )
