"""Where the processor time of each thread of this process goes, by function.

Python's own profiler in every thread that is started from now on, and in this one, with the thread's processor time as
its clock: waiting costs nothing. It makes small functions look dearer than they are.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any


class ThreadProfiles:
    def __init__(self) -> None:
        self._profiles: dict[str, list[cProfile.Profile]] = {}

    def begin(self) -> None:
        threading.setprofile(self._begin_thread)
        self._profile_this_thread()

    def table(self, functions: int, share_of: Callable[[str], bool] = bool) -> str:
        """The functions of each thread that most time was spent in themselves. Ends profiling."""
        threading.setprofile(None)
        sys.setprofile(None)
        lines = [self._table(name, functions) for name in sorted(self._profiles) if share_of(name)]
        return "\n".join(lines)

    def _table(self, name: str, functions: int) -> str:
        out = io.StringIO()
        statistics = pstats.Stats(*self._profiles[name], stream=out)
        statistics.sort_stats("tottime").print_stats(functions)
        return f"thread {name}\n{out.getvalue()}"

    def _begin_thread(self, frame: FrameType, event: str, argument: Any) -> None:
        sys.setprofile(None)
        self._profile_this_thread()

    def _profile_this_thread(self) -> None:
        profile = cProfile.Profile(time.thread_time)
        self._profiles.setdefault(threading.current_thread().name, []).append(profile)
        profile.enable()
