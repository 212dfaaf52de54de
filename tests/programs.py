"""Programs that are not Python's. Where one is missing: skipped, but a failure under CI=true, where it is installed."""

from __future__ import annotations

import os

import pytest

from benchmarks.support.prometheus import is_installed


def need_prometheus() -> None:
    if not is_installed():
        message = "prometheus or promtool is missing; install Debian's package prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
