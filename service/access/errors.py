"""What the rooms of access raise.

GaplessError
├── AccessError        tokens cannot be used, or flags do not fit together; it is a ListeningError as well
├── Unauthenticated    a call without a token, or with one that this server does not know
├── NotAllowed         a call that this token may not make
└── QuotaExceeded      a call beyond what this token may hold at once
"""

from __future__ import annotations

from engine.errors import GaplessError, Overloaded
from gapless.doors.listening.errors import ListeningError


class AccessError(GaplessError, ListeningError):
    """The message names the file, or the flags, and what is wrong."""


class Unauthenticated(GaplessError):
    """`reason` is machine-readable: TOKEN_MISSING, TOKEN_MALFORMED or TOKEN_UNKNOWN."""

    def __init__(self, reason: str, description: str) -> None:
        super().__init__(description)
        self.reason = reason


class NotAllowed(GaplessError):
    """The caller is known and may not do this."""


class QuotaExceeded(Overloaded):
    """The caller holds as much as its token allows; others are not concerned."""
