"""The client's only clock, spans of time, and how the server's clock relates to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

# Python's own monotonic clock stands still while the machine is suspended, and would be behind for ever after.
_CLOCKS = [getattr(time, name) for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC") if hasattr(time, name)]
_elapsed_ns: Callable[[], int] = partial(time.clock_gettime_ns, _CLOCKS[0]) if _CLOCKS else time.monotonic_ns
_UNIX_ANCHOR_NS = time.time_ns() - _elapsed_ns()


def now_ns() -> int:
    """Nanoseconds since the unix epoch as seen at process start, advancing monotonically."""
    return _UNIX_ANCHOR_NS + _elapsed_ns()


@dataclass(frozen=True, order=True)
class Span:
    """From `start_ns` up to `end_ns`."""

    start_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        return max(0, self.end_ns - self.start_ns)

    def common(self, other: Span) -> Span:
        """What both cover; of length 0 if they do not meet."""
        return Span(max(self.start_ns, other.start_ns), min(self.end_ns, other.end_ns))


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One question to the server's clock and its answer, on a connection of its own."""

    sent_ns: int
    server_received_ns: int  # server's clock
    server_sent_ns: int  # server's clock
    received_ns: int
    server_blocked: Span | None = None  # the server loop's largest recent delay, on the server's clock

    @property
    def round_trip_ns(self) -> int:
        """Without the time in the server's handler."""
        return self.received_ns - self.sent_ns - (self.server_sent_ns - self.server_received_ns)


@dataclass(frozen=True, kw_only=True)
class ClockOffset:
    """Server clock minus client clock, good to `error_ns` either way (half the round trip of the best probe)."""

    offset_ns: int
    error_ns: int

    @classmethod
    def of(cls, exchange: Exchange) -> ClockOffset:
        """What one exchange says. The fastest one says it best."""
        outward_ns = exchange.server_received_ns - exchange.sent_ns
        homeward_ns = exchange.received_ns - exchange.server_sent_ns
        return cls(offset_ns=(outward_ns - homeward_ns) // 2, error_ns=max(0, outward_ns + homeward_ns) // 2)

    def to_client(self, server_ns: int) -> int:
        """The client's reading at the server's instant."""
        return server_ns - self.offset_ns
