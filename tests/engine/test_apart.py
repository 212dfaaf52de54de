"""Work of a start: nothing of it stays, and it gives way to whoever speaks."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from engine.apart import NICER, apart

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="one niceness for all threads of a process")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_done_apart_leaves_no_thread_and_says_what_broke() -> None:
    before = threading.active_count()
    assert apart(lambda: threading.current_thread().name) == "apart_0"
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 // 0)
    assert threading.active_count() <= before


@only_linux
def test_work_done_apart_gives_way_and_nothing_that_begins_afterwards_does() -> None:
    given, seen = niceness(), []
    assert apart(niceness) == min(19, given + NICER)
    thread = threading.Thread(target=lambda: seen.append(niceness()))
    thread.start()
    thread.join()
    assert [niceness(), *seen] == [given, given]
