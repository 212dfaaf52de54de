"""The engine's only clock: unix nanoseconds that never step, because they are the monotonic clock plus a constant."""

from __future__ import annotations

import time

# Python's own monotonic clock stands still while the machine is suspended, and would be behind for ever after.
_AWAKE_OR_NOT = next(getattr(time, name) for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC") if hasattr(time, name))
_UNIX_ANCHOR_NS = time.time_ns() - time.clock_gettime_ns(_AWAKE_OR_NOT)


def now_ns() -> int:
    """Nanoseconds since the unix epoch as seen at process start, advancing monotonically."""
    return _UNIX_ANCHOR_NS + time.clock_gettime_ns(_AWAKE_OR_NOT)
