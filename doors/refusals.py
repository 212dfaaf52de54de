"""What can go wrong behind a door, in kinds: each door says them in its own world's words.

The one table from the client's errors to these kinds.
"""

from __future__ import annotations

import enum

import grpc

from gapless.client import (
    AccessDenied,
    ClientError,
    InvalidArgument,
    NotGapless,
    ServerBusy,
    ServerUnreachable,
    TimedOut,
    Unsupported,
)


class Kind(enum.Enum):
    WRONG_REQUEST = enum.auto()  # whoever asks must ask otherwise
    UNSUPPORTED = enum.auto()  # this service cannot do it, whatever the request says
    NO_TOKEN = enum.auto()  # a token is missing or unknown
    NOT_ALLOWED = enum.auto()  # the token is known and may not do this
    BUSY = enum.auto()  # no room now
    CLOSING = enum.auto()  # the service shuts down
    TOO_SLOW = enum.auto()
    UNREACHABLE = enum.auto()  # nobody answers, or somebody else does
    FAILED = enum.auto()


_KINDS: dict[type[ClientError], Kind] = {
    InvalidArgument: Kind.WRONG_REQUEST,
    Unsupported: Kind.UNSUPPORTED,
    ServerBusy: Kind.BUSY,
    TimedOut: Kind.TOO_SLOW,
    ServerUnreachable: Kind.UNREACHABLE,
    NotGapless: Kind.UNREACHABLE,
}


def kind_of(error: ClientError) -> Kind:
    if isinstance(error, AccessDenied):
        return Kind.NOT_ALLOWED if error.code is grpc.StatusCode.PERMISSION_DENIED else Kind.NO_TOKEN
    if isinstance(error, ServerBusy) and error.code is grpc.StatusCode.UNAVAILABLE:
        return Kind.CLOSING
    return _KINDS.get(type(error), Kind.FAILED)
