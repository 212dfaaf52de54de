"""Everything the client raises on purpose, and the one table that translates gRPC's errors.

ClientError                  has `code`, the gRPC status, where the server said one
├── ServerUnreachable        nothing answers, or the connection was lost
├── ServerLoading            the server loads its model: try again after `retry_after_s`
├── NotGapless               something answers, but it does not speak gapless.tts.v1
├── Unsupported              the server cannot do this, whatever the request says
├── InvalidArgument          `violations` name the fields and what is allowed
├── ServerBusy               no room for another utterance or voice: try again after `retry_after_s`
├── AccessDenied             the server wants other credentials
├── TimedOut                 the server waited too long for us, or we for it
├── ServerFailed             the call broke on the server
├── UtteranceClosed          used after its end
├── ClientClosed             used outside of `async with Client(...)`
└── PlaybackUnavailable      no PortAudio, no device, or none that takes the rate
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True)
class Violation:
    """A field of the request and what is wrong with it."""

    field: str
    description: str


class ClientError(Exception):
    """Base of all errors raised on purpose."""

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode | None = None,
        violations: tuple[Violation, ...] = (),
        reason: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.violations = violations
        self.reason = reason  # machine-readable, from google.rpc.ErrorInfo; "" = none
        self.retry_after_s = retry_after_s


class ServerUnreachable(ClientError):
    pass


class ServerLoading(ClientError):
    pass


class NotGapless(ClientError):
    pass


class Unsupported(ClientError):
    pass


class InvalidArgument(ClientError):
    pass


class ServerBusy(ClientError):
    pass


class AccessDenied(ClientError):
    pass


class TimedOut(ClientError):
    pass


class ServerFailed(ClientError):
    pass


class UtteranceClosed(ClientError):
    pass


class ClientClosed(ClientError):
    pass


class PlaybackUnavailable(ClientError):
    pass


_TABLE: dict[grpc.StatusCode, tuple[type[ClientError], str]] = {
    grpc.StatusCode.UNAVAILABLE: (
        ServerUnreachable,
        "{address} ended the connection: {details}",
    ),
    grpc.StatusCode.UNIMPLEMENTED: (
        NotGapless,
        "{address} answers, but does not know this call: it is no Gapless, or one of another version ({details})",
    ),
    grpc.StatusCode.INVALID_ARGUMENT: (InvalidArgument, "the server refused the request: {details}"),
    grpc.StatusCode.OUT_OF_RANGE: (InvalidArgument, "the server refused the request: {details}"),
    grpc.StatusCode.ALREADY_EXISTS: (InvalidArgument, "the server refused the request: {details}"),
    grpc.StatusCode.NOT_FOUND: (InvalidArgument, "the server refused the request: {details}"),
    grpc.StatusCode.FAILED_PRECONDITION: (InvalidArgument, "the server refused the request: {details}"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (ServerBusy, "the server has no room: {details}"),
    grpc.StatusCode.UNAUTHENTICATED: (AccessDenied, "{address} wants credentials: {details}"),
    grpc.StatusCode.PERMISSION_DENIED: (AccessDenied, "{address} denies access: {details}"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (TimedOut, "{address} took too long: {details}"),
    grpc.StatusCode.ABORTED: (TimedOut, "the server gave the call up: {details}"),
    grpc.StatusCode.CANCELLED: (ServerFailed, "the server cancelled the call: {details}"),
}
_UNSUPPORTED = (Unsupported, "the server cannot do that: {details}")  # UNIMPLEMENTED with a reason of Gapless
_UNAVAILABLE = {  # reasons of Gapless
    "DRAINING": (ServerBusy, "{address} takes no new utterances: {details}"),
    "LOADING": (ServerLoading, "{address} is not ready yet: {details}"),
    "ENGINE_BROKEN": (ServerFailed, "{address} broke: {details}"),
}
_TOO_LARGE = (InvalidArgument, "a message is larger than the receiver takes: {details}")
_OVERSIZED = "larger than max"  # what gRPC says in the details
_OTHER = (ServerFailed, "the server failed: {details}")
_NOT_CONNECTED = ("failed to connect", "DNS resolution failed", "errors resolving")  # how gRPC's details begin
_NOBODY_THERE = "no server at {address} ({details}); start it with `python -m service`, or name another address"


_HANDSHAKES = {  # what gRPC's details say of a connection that did not come about -> what that means; first match wins
    "certificate has expired": "the certificate of {address} has expired",
    "certificate is not yet valid": "the certificate of {address} is not valid yet, or this machine's clock is wrong",
    "Hostname Verification Check failed": "the certificate of {address} names another host: dial a name that it names",
    "CERTIFICATE_VERIFY_FAILED": "the certificate of {address} is signed by an authority that is not trusted here: "
    "name the right one with --tls-ca",
    "WRONG_VERSION_NUMBER": "{address} answers, but does not speak TLS",
    "Failed to create security handshaker": "no TLS with {address}: the client's own certificate and its key do not "
    "belong together",
    "Socket closed": "{address} closes the connection: {if_closed}",
}


def translate(error: grpc.aio.AioRpcError | grpc.RpcError, address: str, if_closed: str = "") -> ClientError:
    """What a person can act on, in place of a gRPC error. `if_closed`: why the server may close a new connection."""
    code: grpc.StatusCode = error.code()
    violations, reason, retry_after_s = _unpack(_details_bytes(error))
    details = error.details() or code.value[1]
    cls, message = _TABLE.get(code, _OTHER)
    if code is grpc.StatusCode.UNIMPLEMENTED and reason:
        cls, message = _UNSUPPORTED
    elif code is grpc.StatusCode.UNAVAILABLE and reason in _UNAVAILABLE:
        cls, message = _UNAVAILABLE[reason]
    elif code is grpc.StatusCode.RESOURCE_EXHAUSTED and _OVERSIZED in details:
        cls, message = _TOO_LARGE
    if details.startswith(_NOT_CONNECTED):
        message = next((meaning for sign, meaning in _HANDSHAKES.items() if sign in details), _NOBODY_THERE)
        details = details.rsplit(": ", 1)[-1].rstrip("]")
    unsaid = [f"{v.field}: {v.description}" for v in violations if v.description not in details]
    if retry_after_s is not None and "retry" not in details:
        unsaid.append(f"retry in {retry_after_s:.1f} s")
    text = message.format(address=address, if_closed=if_closed, details="; ".join([details, *unsaid]))
    return cls(text, code=code, violations=violations, reason=reason, retry_after_s=retry_after_s)


def _details_bytes(error: grpc.aio.AioRpcError | grpc.RpcError) -> bytes:
    metadata = cast(Iterable[tuple[str, str | bytes]], error.trailing_metadata() or ())
    return next((value for key, value in metadata if key == _DETAILS_KEY and isinstance(value, bytes)), b"")


def _unpack(details: bytes) -> tuple[tuple[Violation, ...], str, float | None]:
    """Field violations, machine-readable reason and retry delay of a serialised google.rpc.Status."""
    violations: list[Violation] = []
    reason, retry_after_s = "", None
    try:
        packed = status_pb2.Status.FromString(details).details
    except DecodeError:
        return (), "", None
    bad_request, error_info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
    retry_info = error_details_pb2.RetryInfo()
    for item in packed:
        if item.Unpack(bad_request):
            violations.extend(Violation(v.field, v.description) for v in bad_request.field_violations)
        elif item.Unpack(error_info):
            reason = error_info.reason
        elif item.Unpack(retry_info):
            retry_after_s = retry_info.retry_delay.ToTimedelta().total_seconds()
    return tuple(violations), reason, retry_after_s
