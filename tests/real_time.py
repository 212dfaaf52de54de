"""Tests that hear or time something: tried again if they failed while the machine itself stood still.

Only then. A test that fails on a machine that ran on has failed, and one that fails each time has failed as well.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType

import pytest
from _pytest.runner import runtestprotocol

MARKER = "real_time"
ATTEMPTS = 3
STANDSTILL_S = 0.015
_TICK_S = 0.002


class Standstills:
    """The longest time for which a thread that only sleeps was not let run."""

    def __enter__(self) -> Standstills:
        self.longest_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="standstills", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        due_s = time.monotonic() + _TICK_S
        while not self._over.wait(_TICK_S):
            now_s = time.monotonic()
            self.longest_s = max(self.longest_s, now_s - due_s)
            due_s = now_s + _TICK_S


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if item.get_closest_marker(MARKER) is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in range(1, ATTEMPTS + 1):
        with Standstills() as standstills:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if attempt == ATTEMPTS or standstills.longest_s < STANDSTILL_S or not any(one.failed for one in reports):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
