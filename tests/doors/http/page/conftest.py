"""One browser for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.support.browser import Browser, chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running
