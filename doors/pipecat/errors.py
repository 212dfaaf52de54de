"""Errors in pipecat's words: its categories say whether it tries again, fails over or writes a service off."""

from __future__ import annotations

from pipecat.utils.errors import ErrorCategory

from gapless.client import ClientError, InvalidArgument
from gapless.doors.refusals import Kind, kind_of

_CATEGORIES = {
    Kind.WRONG_REQUEST: ErrorCategory.INVALID_REQUEST,
    Kind.UNSUPPORTED: ErrorCategory.INVALID_REQUEST,
    Kind.NO_TOKEN: ErrorCategory.AUTHENTICATION,
    Kind.NOT_ALLOWED: ErrorCategory.AUTHORIZATION,
    Kind.BUSY: ErrorCategory.RATE_LIMIT,
    Kind.CLOSING: ErrorCategory.CONNECTIVITY,
    Kind.TOO_SLOW: ErrorCategory.CONNECTIVITY,
    Kind.UNREACHABLE: ErrorCategory.CONNECTIVITY,
    Kind.FAILED: ErrorCategory.SERVER,
}


def category_of(error: ClientError) -> ErrorCategory:
    """What is wrong with a text is over with the text; a wrong setting stays wrong for every turn that follows."""
    fields = {violation.field for violation in error.violations}
    if isinstance(error, InvalidArgument) and fields == {"text"}:
        return ErrorCategory.APPLICATION
    return _CATEGORIES[kind_of(error)]
