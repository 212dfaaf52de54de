"""The one table from exceptions to gRPC status, with google.rpc details.

Every status carries ErrorInfo (domain "gapless", a reason in UPPER_SNAKE_CASE). Errors that name a field carry
BadRequest, an overload carries RetryInfo and the trailing metadata grpc-retry-pushback-ms.
What is not in the table is a bug: INTERNAL, and the message stays here.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import NamedTuple

import grpc
from google.protobuf import duration_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from engine.errors import (
    EmptyText,
    EngineBroken,
    EngineClosed,
    GaplessError,
    InvalidRequest,
    OutOfMemory,
    Overloaded,
    StorageError,
    UnknownVoice,
    Unsupported,
    UtteranceFailed,
    VoiceExists,
)
from service.access.errors import NotAllowed, QuotaExceeded, Unauthenticated
from service.engines.errors import NoEngine

DOMAIN = "gapless"
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)


class OutOfOrder(InvalidRequest):
    """A message came when the contract does not allow it."""


class Unreadable(InvalidRequest):
    def __init__(self) -> None:
        super().__init__("request", "is no message of this method; see gapless.tts.v1")


class TextTooLong(InvalidRequest):
    def __init__(self, length: int, limit: int) -> None:
        super().__init__("text", f"{length} characters so far; this server takes {limit} in one utterance")


class MessageTooLarge(TextTooLong):
    """Of a message that is larger than its text may be, and was not read."""

    def __init__(self, size: int, limit: int) -> None:
        InvalidRequest.__init__(
            self, "text", f"a message of {size} bytes; this server takes {limit} characters in one utterance"
        )


class RecordingTooLarge(InvalidRequest):
    def __init__(self, limit: int) -> None:
        super().__init__("audio", f"more than {limit} bytes; this server takes no larger file (max_recording_bytes)")


class UnsupportedField(Unsupported):
    """A field of the contract that this server cannot act upon."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}")
        self.field = field
        self.description = description


class NoSuchVoice(GaplessError):
    """The voice that a call is about does not exist."""


class BuiltInVoice(GaplessError):
    def __init__(self, name: str) -> None:
        super().__init__(f"voice {name!r} is part of the model; only voices that were created can be deleted")


class VoiceGone(GaplessError):
    def __init__(self, name: str) -> None:
        super().__init__(f"voice {name!r}, which the utterance began with, is not on this server")


class IdleTimeout(GaplessError):
    def __init__(self, timeout_s: float, advice: str) -> None:
        super().__init__(f"nothing arrived for {timeout_s:g} s; {advice}")


class SilentClient(IdleTimeout):
    def __init__(self, timeout_s: float) -> None:
        super().__init__(
            timeout_s,
            "there was nothing left to hear; "
            "send end_of_input when the text is complete, or open a call when there is text",
        )


class ClientStalled(GaplessError):
    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"nothing was read for {timeout_s:g} s (idle_timeout) although audio was waiting")


class TooManyCalls(Overloaded):
    def __init__(self, description: str) -> None:
        super().__init__(description, retry_after_s=1.0)


class AnswerTooLarge(GaplessError):
    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the audio takes more than {limit} bytes, which is all that one message holds; ask for a stream"
        )


class TooManyFlushes(GaplessError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} flushes wait to be spoken, which is all that this server keeps of an utterance")


class UtteranceTooLong(GaplessError):
    def __init__(self, limit_s: float) -> None:
        super().__init__(f"the utterance ran for {limit_s:g} s, which is the longest; open a call for each turn")


class UploadTooSlow(GaplessError):
    def __init__(self, limit_s: float) -> None:
        super().__init__(f"the recording did not arrive within {limit_s:g} s; send it without pauses")


class Draining(GaplessError):
    def __init__(self) -> None:
        super().__init__("the server is shutting down and takes no new utterances or voices; call another one")


class StillLoading(GaplessError):
    """`retry_after_s`: how soon it is worth asking again."""

    retry_after_s = 2.0

    def __init__(self) -> None:
        super().__init__("the server is loading its model; it answers when that is done: wait, or call another one")


class DrainExpired(GaplessError):
    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"the server shut down; the call did not end within {timeout_s:g} s")


@dataclass(frozen=True)
class _Rule:
    error: type[Exception]
    code: int
    reason: str
    message: str = ""  # what the caller reads; "": what the error says


_NO_MEMORY = "this server has no memory for that now; wait, or ask for less"

# First match wins.
# An unknown voice is INVALID_ARGUMENT, not NOT_FOUND: a field of the request is wrong, and BadRequest says which.
# Where the voice itself is what the call is about (DeleteVoice, CreateVoice): NOT_FOUND and ALREADY_EXISTS, as AIP-135
# and AIP-133 have it.
# What this server cannot do at all is UNIMPLEMENTED. A voice of the model exists and cannot be deleted:
# FAILED_PRECONDITION.
# Silence is ABORTED, not DEADLINE_EXCEEDED: that one is the client's own deadline, and client libraries retry it.
_RULES = (
    _Rule(UnknownVoice, code_pb2.INVALID_ARGUMENT, "UNKNOWN_VOICE"),
    _Rule(EmptyText, code_pb2.INVALID_ARGUMENT, "EMPTY_TEXT"),
    _Rule(TextTooLong, code_pb2.INVALID_ARGUMENT, "TEXT_TOO_LONG"),
    _Rule(OutOfOrder, code_pb2.INVALID_ARGUMENT, "OUT_OF_ORDER"),
    _Rule(RecordingTooLarge, code_pb2.INVALID_ARGUMENT, "RECORDING_TOO_LARGE"),
    _Rule(VoiceExists, code_pb2.ALREADY_EXISTS, "VOICE_EXISTS"),
    _Rule(InvalidRequest, code_pb2.INVALID_ARGUMENT, "INVALID_FIELD"),
    _Rule(NoSuchVoice, code_pb2.NOT_FOUND, "UNKNOWN_VOICE"),
    _Rule(BuiltInVoice, code_pb2.FAILED_PRECONDITION, "BUILT_IN_VOICE"),
    _Rule(VoiceGone, code_pb2.FAILED_PRECONDITION, "VOICE_GONE"),
    _Rule(Unsupported, code_pb2.UNIMPLEMENTED, "UNSUPPORTED"),
    _Rule(Unauthenticated, code_pb2.UNAUTHENTICATED, "TOKEN_UNKNOWN"),
    _Rule(NotAllowed, code_pb2.PERMISSION_DENIED, "NOT_ALLOWED"),
    _Rule(QuotaExceeded, code_pb2.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED"),
    _Rule(TooManyCalls, code_pb2.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS"),
    _Rule(AnswerTooLarge, code_pb2.RESOURCE_EXHAUSTED, "ANSWER_TOO_LARGE"),
    _Rule(TooManyFlushes, code_pb2.RESOURCE_EXHAUSTED, "TOO_MANY_FLUSHES"),
    _Rule(UtteranceTooLong, code_pb2.ABORTED, "UTTERANCE_TOO_LONG"),
    _Rule(UploadTooSlow, code_pb2.ABORTED, "UPLOAD_TOO_SLOW"),
    _Rule(Overloaded, code_pb2.RESOURCE_EXHAUSTED, "OVERLOADED"),
    _Rule(IdleTimeout, code_pb2.ABORTED, "IDLE_TIMEOUT"),
    _Rule(ClientStalled, code_pb2.ABORTED, "CLIENT_STALLED"),
    _Rule(Draining, code_pb2.UNAVAILABLE, "DRAINING"),
    _Rule(DrainExpired, code_pb2.UNAVAILABLE, "DRAIN_EXPIRED"),
    _Rule(StillLoading, code_pb2.UNAVAILABLE, "LOADING"),
    _Rule(NoEngine, code_pb2.UNAVAILABLE, "NO_ENGINE"),
    _Rule(
        EngineBroken,
        code_pb2.UNAVAILABLE,
        "ENGINE_BROKEN",
        "the server's engine broke, and the server ends; call another one, or this one again in a moment",
    ),
    _Rule(EngineClosed, code_pb2.UNAVAILABLE, "ENGINE_CLOSED"),
    _Rule(
        StorageError,
        code_pb2.FAILED_PRECONDITION,
        "STORAGE_NOT_WRITABLE",
        "this server cannot write to its store of voices; its operator must mend that",
    ),
    _Rule(OutOfMemory, code_pb2.RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", _NO_MEMORY),
    _Rule(MemoryError, code_pb2.RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", _NO_MEMORY),
    _Rule(UtteranceFailed, code_pb2.INTERNAL, "UTTERANCE_FAILED", "the engine failed at this utterance"),
    _Rule(GaplessError, code_pb2.INTERNAL, "ENGINE_FAILED", "the engine failed at this call"),
)
_STORAGE_FULL = _Rule(
    OSError, code_pb2.RESOURCE_EXHAUSTED, "STORAGE_FULL", "this server's store of voices is full; delete a voice"
)
_FILES_EXHAUSTED = _Rule(
    OSError, code_pb2.RESOURCE_EXHAUSTED, "TOO_MANY_FILES", "this server has too many files and connections open; wait"
)
_MEMORY_EXHAUSTED = _Rule(OSError, code_pb2.RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", _NO_MEMORY)
_MAX_TEXT_BYTES = 1_000  # of a message; it goes out twice, in percent encoding and in base64
_BUG = _Rule(Exception, code_pb2.INTERNAL, "INTERNAL", "internal error")


class Status(NamedTuple):
    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def is_fault(error: Exception) -> bool:
    """Whether the caller is told a fixed sentence and only the server's log knows more: no path, no library's text."""
    return bool(_rule(error).message)


def root_cause(error: Exception) -> Exception:
    """The first error inside the groups that task groups wrap around it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return Unreadable() if isinstance(error, DecodeError) else error


def code_of(error: Exception) -> str:
    """The gRPC code's name."""
    return str(code_pb2.Code.Name(_rule(error).code))


def reason_of(error: Exception) -> str:
    """As ErrorInfo has it."""
    return error.reason if isinstance(error, Unauthenticated) else _rule(error).reason


def _rule(error: Exception) -> _Rule:
    cause = error.__cause__ if isinstance(error, StorageError) else error
    if isinstance(cause, OSError) and cause.errno in _DISK_FULL:
        return _STORAGE_FULL
    if isinstance(cause, OSError) and cause.errno in _NO_DESCRIPTOR:
        return _FILES_EXHAUSTED
    if isinstance(cause, OSError) and cause.errno == errno.ENOMEM:
        return _MEMORY_EXHAUSTED
    return next((rule for rule in _RULES if isinstance(error, rule.error)), _BUG)


def to_grpc_status(error: Exception, kind: str, call_id: str) -> Status:
    """What `context.abort` takes: code, message, and details in the trailing metadata. `kind`: "utterance", "call"."""
    rule = _rule(error)
    message = f"{rule.message}; the server's log tells more ({kind} {call_id})" if rule.message else str(error)
    status = status_pb2.Status(code=rule.code, message=_shortened(message))
    info = error_details_pb2.ErrorInfo(reason=reason_of(error), domain=DOMAIN, metadata={f"{kind}_id": call_id})
    if isinstance(error, EngineBroken):
        info.metadata["fault"] = error.fault
    for detail in (info, *_details(error)):
        status.details.add().Pack(detail)
    made = rpc_status.to_status(status)
    trailers = tuple(made.trailing_metadata)
    if isinstance(error, Overloaded | StillLoading | NoEngine):  # what gRPC's own retry policy reads
        trailers += (("grpc-retry-pushback-ms", str(round(error.retry_after_s * 1000))),)
    return Status(made.code, made.details, trailers)


def _shortened(text: str) -> str:
    """Callers' own words are in it, and whoever receives more than 8 KB of trailing metadata refuses all of it."""
    return text.encode(errors="replace")[:_MAX_TEXT_BYTES].decode(errors="ignore")


def _details(error: Exception) -> list[Message]:
    if isinstance(error, InvalidRequest | UnsupportedField):
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_shortened(error.field), description=_shortened(error.description)
        )
        return [error_details_pb2.BadRequest(field_violations=[violation])]
    if isinstance(error, Overloaded | StillLoading | NoEngine):
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(round(error.retry_after_s * 1e9))
        return [error_details_pb2.RetryInfo(retry_delay=delay)]
    return []
