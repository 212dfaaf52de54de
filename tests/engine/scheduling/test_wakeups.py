"""A worker that is woken while it looks for work looks again; it waits for nobody else's."""

from __future__ import annotations

import threading
import time

from engine.scheduling.wakeups import Stage, Wakeup, Wakeups


def test_what_was_set_before_the_wait_ends_it_at_once_and_once() -> None:
    wakeup = Wakeup()
    wakeup.set()
    wakeup.set()
    wakeup.wait(None)
    began_s = time.monotonic()
    wakeup.wait(0.02)
    assert time.monotonic() - began_s >= 0.02


def test_what_was_cleared_is_forgotten() -> None:
    wakeup = Wakeup()
    wakeup.set()
    wakeup.clear()
    began_s = time.monotonic()
    wakeup.wait(0.02)
    assert time.monotonic() - began_s >= 0.02


def test_a_worker_is_woken_by_all_of_its_stages_and_no_other() -> None:
    wakeups = Wakeups()
    t3, sound = wakeups.of([Stage.T3]), wakeups.of([Stage.VOCODER, Stage.FLOW])
    for stage in (Stage.VOCODER, Stage.FLOW):
        threading.Timer(0.01, wakeups.wake, [stage]).start()
        sound.wait(None)
    began_s = time.monotonic()
    t3.wait(0.02)
    assert time.monotonic() - began_s >= 0.02
    wakeups.wake_all()
    t3.wait(None)
