"""Errors in LiveKit's words: their class and status say whether it tries again."""

from __future__ import annotations

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from gapless.client import ClientError, NotGapless, ServerLoading
from gapless.doors.refusals import Kind, kind_of

_STATUS = {  # as of HTTP; LiveKit tries 429 and 5xx again
    Kind.WRONG_REQUEST: 400,
    Kind.NO_TOKEN: 401,
    Kind.NOT_ALLOWED: 403,
    Kind.UNSUPPORTED: 422,
    Kind.BUSY: 429,
    Kind.FAILED: 500,
    Kind.CLOSING: 503,
}
_LOADING = 503


def api_error(error: ClientError) -> APIError:
    """Raise it `from error`, which it does not repeat."""
    kind = kind_of(error)
    if kind is Kind.TOO_SLOW:
        return APITimeoutError(str(error))
    if kind is Kind.UNREACHABLE:
        return APIConnectionError(str(error), retryable=not isinstance(error, NotGapless))
    status = _LOADING if isinstance(error, ServerLoading) else _STATUS[kind]
    return APIStatusError(str(error), status_code=status)
