"""How the process ends, whatever hangs in it: its exit codes, and ends that nothing can hold up.

Signals are taken on a thread of their own: neither a loop that is busy nor a model that is being loaded keeps them
waiting. The first SIGTERM or SIGINT asks for an end, the second one ends.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from engine.errors import Fault

STOPPED, CANNOT_START, WRONG_OPTIONS = 0, 1, 2
CODES = {  # what broke -> exit status
    Fault.STAGE_OVERDUE: 81,
    Fault.THREAD_DIED: 82,
    Fault.DEVICE_FAILED: 83,
    Fault.STAGE_FAILING: 84,
    Fault.NOT_FINITE: 85,
    Fault.LOOP_BLOCKED: 86,
}

_log = logging.getLogger(__name__)


def end_now(code: int) -> None:
    """Waits for no thread."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def end_within(limit_s: float, code: int) -> None:
    """Ends the process then, if it did not end by itself."""

    def end() -> None:
        time.sleep(limit_s)
        _log.error("the process does not end by itself; it is ended")
        end_now(code)

    threading.Thread(target=end, name="end", daemon=True).start()


def tell_where_all_threads_are() -> None:
    """To stderr: what a thread that hangs waits for."""
    with contextlib.suppress(OSError, ValueError):
        faulthandler.dump_traceback(sys.__stderr__ or 2)


def end_with_parent(leave: Callable[[], None]) -> None:
    """Ends this process when its standard input ends: the parent holds the other end, and is gone however it went.
    `leave` does what the parent cannot do any more."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        leave()
        end_now(STOPPED)

    threading.Thread(target=wait, name="parent", daemon=True).start()


class Signals:
    """Made on the main thread."""

    def __init__(self, on_first: Callable[[], None]) -> None:
        """`on_first` is called on the thread of the signals."""
        self._on_first = on_first
        self._arrived, arrives = os.pipe()
        os.set_blocking(arrives, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _heard_elsewhere)
        # Written to at once, in whichever thread the system interrupts, whatever the main thread does.
        signal.set_wakeup_fd(arrives)
        threading.Thread(target=self._wait, name="signals", daemon=True).start()

    def _wait(self) -> None:
        os.read(self._arrived, 1)
        self._on_first()
        os.read(self._arrived, 1)
        _log.warning("a second signal: ended at once")
        end_now(STOPPED)


def _heard_elsewhere(number: int, frame: object) -> None:
    """Only takes the place of what a signal would do."""
