"""What a gateway raises where its engines cannot be had."""

from __future__ import annotations

from engine.errors import GaplessError


class NoEngine(GaplessError):
    """No engine can be reached that could speak this now. `retry_after_s`: how soon it is worth asking again."""

    retry_after_s = 2.0


class CannotStart(GaplessError):
    """Engines cannot be started, and would not be at another attempt; their own words are in the log."""


class Lost(Exception):
    """An engine server does not answer any more; never leaves this room. `since_ns`: its last sign; 0: until now."""

    def __init__(self, why: str, since_ns: int = 0) -> None:
        super().__init__(why)
        self.since_ns = since_ns
