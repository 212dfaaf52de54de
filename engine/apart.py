"""The work of a start, on a thread of its own: it leaves no threads behind, and yields to threads that speak.

Loading an engine is seconds of work, and other engines may speak on the same cores. On Linux each thread has its own
niceness. A thread can raise it at any time, cannot lower it again, and passes it on to threads that it starts. So
loading has a thread that ends with the work, and the threads that will speak are not started from it. Other systems
have one niceness for the whole process: there loading does not yield.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
NICER = 10  # a ninth of the processor time that another thread gets beside it


def apart(work: Callable[[], T]) -> T:
    """Runs `work` on a thread of its own; the team of that thread (`engine.device.cores`) ends with it."""
    with ThreadPoolExecutor(1, "apart", initializer=stand_back) as thread:
        return thread.submit(work).result()


def stand_back() -> None:
    """From now on the calling thread, and those that it starts, yield to others."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with contextlib.suppress(PermissionError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICER)
