"""Who makes the call that is being handled: set by the guard, read by whatever handles the call.

A `ContextVar` carries it: gRPC runs the interceptors and the handler of one call in one asyncio task.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Caller:
    """What one token may do. None as a limit: only the server's own limits hold."""

    name: str
    max_utterances: int | None = None  # at once
    max_voice_bytes: int | None = None  # that its stored voices take on disk, together
    may_create_voices: bool = False
    is_admin: bool = False  # may delete any created voice

    def may_delete(self, owner: str) -> bool:
        """Whether this caller may delete a voice that `owner` made; the owner "" was nobody in particular."""
        return self.is_admin or (owner != "" and owner == self.name)


ANYBODY = Caller(name="", may_create_voices=True, is_admin=True)
"""The caller of a service without tokens."""

STRANGER = Caller(name="", max_utterances=0)
"""A caller without a valid token, of a call that answers strangers with less."""

_CURRENT: ContextVar[Caller] = ContextVar("caller", default=ANYBODY)


def current() -> Caller:
    """The caller of the call that this task handles."""
    return _CURRENT.get()


def set_current(caller: Caller) -> None:
    _CURRENT.set(caller)
