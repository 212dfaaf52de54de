"""What the doors for voice agents share: one connection for all turns, and a turn that speaks text as it comes.

It knows no framework. `gapless.doors.pipecat` and `gapless.doors.livekit` stand on it.
"""

from .connection import Connection
from .turn import Turn, Unsaid

__all__ = ["Connection", "Turn", "Unsaid"]
