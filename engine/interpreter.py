"""Python itself, set up for threads that must not keep each other waiting: once, after a model was loaded."""

from __future__ import annotations

import gc
import sys

# Python's own is 5 ms: with a device, each of T3's steps waited so long for whoever held Python's lock. On the CPU the
# networks compute without it, and more switches between threads cost more than they gain.
SWITCH_INTERVAL_S = 0.0005


def prepare(*, on_cpu: bool) -> None:
    """What is there now stays: a garbage collection that went over it would stop everybody for a tenth of a second.
    And where the networks do not run on the CPU, a thread gives Python's lock to one that waits for it after
    SWITCH_INTERVAL_S."""
    gc.collect()
    gc.freeze()
    if not on_cpu:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
