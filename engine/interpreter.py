"""Python itself, set up for threads that must not keep each other waiting: once, after a model was loaded."""

from __future__ import annotations

import gc
import sys

SWITCH_INTERVAL_S = 0.0005  # Python's own is 5 ms: each of T3's steps waited so long for whoever held Python's lock


def prepare() -> None:
    """What is there now stays: a garbage collection that went over it would stop everybody for a tenth of a second.
    And a thread gives Python's lock to one that waits for it after SWITCH_INTERVAL_S."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
