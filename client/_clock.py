"""The client's only clock, and how the server's clock relates to it."""

from __future__ import annotations

import time
from dataclasses import dataclass

_UNIX_ANCHOR_NS = time.time_ns() - time.monotonic_ns()


def now_ns() -> int:
    """Nanoseconds since the unix epoch as seen at process start, advancing monotonically."""
    return _UNIX_ANCHOR_NS + time.monotonic_ns()


@dataclass(frozen=True, kw_only=True)
class ClockOffset:
    """Server clock minus client clock, good to `error_ns` either way (half the round trip of the best probe)."""

    offset_ns: int
    error_ns: int

    @classmethod
    def from_probe(cls, sent_ns: int, server_received_ns: int, server_sent_ns: int, received_ns: int) -> ClockOffset:
        """One exchange: the first and the last stamp are the client's, those between are the server's."""
        outward_ns, homeward_ns = server_received_ns - sent_ns, received_ns - server_sent_ns
        return cls(offset_ns=(outward_ns - homeward_ns) // 2, error_ns=max(0, outward_ns + homeward_ns) // 2)

    def to_client(self, server_ns: int) -> int:
        """The client's reading at the server's instant."""
        return server_ns - self.offset_ns
