"""For all tests: signals as a person's shell would leave them, and no test that quietly does not run."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator

import pytest

# A run that was started in the background ignores SIGINT, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.real_time"]

MAY_BE_SKIPPED = ("gpu", "weights", "full_size", "hardware", "plug_ins")  # what is not installed everywhere


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported and collected stays. Going over it at every full collection would stop the tests' clocks."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, a test that is skipped because something is missing has failed."""
    report = yield
    excused = any(item.get_closest_marker(name) for name in MAY_BE_SKIPPED)
    if report.skipped and os.environ.get("CI") and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
