"""Refusals as OpenAI's API words them: {"error": {"message", "type", "param", "code"}} and a status."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiohttp import web

from gapless.client import ClientError

from ..refusals import Kind, kind_of

_DEFAULT_RETRY_S = 1.0
_MAX_MESSAGE_CHARS = 2000


class _Answer(NamedTuple):
    status: int
    type: str
    code: str


# OpenAI's clients ask again after 408, 409, 429 and 5xx. What this service cannot do at all is none of those.
_ANSWERS = {
    Kind.WRONG_REQUEST: _Answer(400, "invalid_request_error", "invalid_value"),
    Kind.UNSUPPORTED: _Answer(400, "invalid_request_error", "unsupported_value"),
    Kind.NO_TOKEN: _Answer(401, "authentication_error", "invalid_api_key"),
    Kind.NOT_ALLOWED: _Answer(403, "permission_error", "permission_denied"),
    Kind.BUSY: _Answer(429, "rate_limit_error", "rate_limit_exceeded"),
    Kind.CLOSING: _Answer(503, "server_error", "service_unavailable"),
    Kind.TOO_SLOW: _Answer(504, "server_error", "timeout"),
    Kind.UNREACHABLE: _Answer(503, "server_error", "service_unavailable"),
    Kind.FAILED: _Answer(500, "server_error", "server_error"),
}
_RETRIED = (Kind.BUSY, Kind.CLOSING)

# The service names its own fields; these are the request's.
PARAMS = {
    "text": "input",
    "language_code": "language",
    "speaking_rate": "speed",
    "sample_rate_hertz": "response_format",
}


class BadRequest(Exception):
    """A request that is wrong before the service sees it."""

    def __init__(self, message: str, param: str | None = None, status: int = 400, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.param = param
        self.status = status
        self.code = code


def body(message: str, type_: str, param: str | None, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message[:_MAX_MESSAGE_CHARS], "type": type_, "param": param, "code": code}}


def body_of(error: ClientError | BadRequest, params: Mapping[str, str] = PARAMS) -> dict[str, Any]:
    """`params`: what the service's fields are called here."""
    if isinstance(error, BadRequest):
        return body(str(error), "invalid_request_error", error.param, error.code)
    answer = _ANSWERS[kind_of(error)]
    return body(str(error), answer.type, _param(error, params), answer.code)


def response_of(error: ClientError | BadRequest) -> web.Response:
    if isinstance(error, BadRequest):
        return web.json_response(body_of(error), status=error.status)
    kind = kind_of(error)
    headers = {}
    if kind in _RETRIED:
        wait_s = _DEFAULT_RETRY_S if error.retry_after_s is None else error.retry_after_s
        headers = {"Retry-After": str(math.ceil(wait_s)), "Retry-After-Ms": str(math.ceil(wait_s * 1000))}
    if kind is Kind.NO_TOKEN:
        headers = {"WWW-Authenticate": "Bearer"}
    return web.json_response(body_of(error), status=_ANSWERS[kind].status, headers=headers)


def plain(status: int, message: str) -> web.Response:
    """For what HTTP itself refuses: no such path, too large a body."""
    type_ = "invalid_request_error" if status < 500 else "server_error"
    return web.json_response(body(message, type_, None, None), status=status)


def event_of(error: ClientError) -> bytes:
    """As an event of a stream that has begun."""
    return event({"type": "error", **body_of(error)})


def event(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def _param(error: ClientError, params: Mapping[str, str]) -> str | None:
    if not error.violations:
        return None
    name = error.violations[0].field.rpartition(".")[2]
    return params.get(name, name)
