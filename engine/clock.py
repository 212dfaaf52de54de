"""The engine's only clock: unix nanoseconds that never step, because they are the monotonic clock plus a constant."""

from __future__ import annotations

import time

_UNIX_ANCHOR_NS = time.time_ns() - time.monotonic_ns()


def now_ns() -> int:
    """Nanoseconds since the unix epoch as seen at process start, advancing monotonically."""
    return _UNIX_ANCHOR_NS + time.monotonic_ns()
