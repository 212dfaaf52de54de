"""gRPC's errors -> errors that say what to do."""

from __future__ import annotations

from typing import TypeAlias

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from client import errors

ADDRESS = "host:1"


Detail: TypeAlias = error_details_pb2.BadRequest | error_details_pb2.ErrorInfo


def rpc_error(code: grpc.StatusCode, details: str, *rich: Detail) -> grpc.aio.AioRpcError:
    packed = []
    for detail in rich:
        item = any_pb2.Any()
        item.Pack(detail)
        packed.append(item)
    blob = status_pb2.Status(details=packed).SerializeToString()
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", blob))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details, None)


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_code_becomes_an_error_of_ours_that_keeps_code_and_details(code: grpc.StatusCode) -> None:
    error = errors.translate(rpc_error(code, "the details"), ADDRESS)
    assert error.code is code
    assert "the details" in str(error)


def test_all_field_violations_are_listed() -> None:
    violations = error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field="config.voice", description="unknown"),
            error_details_pb2.BadRequest.FieldViolation(field="config.seed", description="too large"),
        ]
    )
    error = errors.translate(rpc_error(grpc.StatusCode.INVALID_ARGUMENT, "bad", violations), ADDRESS)
    assert isinstance(error, errors.InvalidArgument)
    assert str(error).endswith("bad; config.voice: unknown; config.seed: too large")
    assert [violation.field for violation in error.violations] == ["config.voice", "config.seed"]


def test_a_connection_that_fails_tells_how_to_start_the_server_and_why_in_short() -> None:
    long_winded = "failed to connect to all addresses; last error: UNKNOWN: ipv4:1.2.3.4:1: Connection refused"
    error = errors.translate(rpc_error(grpc.StatusCode.UNAVAILABLE, long_winded), ADDRESS)
    assert isinstance(error, errors.ServerUnreachable)
    assert str(error).startswith("no server at host:1 (Connection refused); start it with `python -m service`")


def test_details_that_are_not_google_rpc_are_ignored() -> None:
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", b"\xff\xff"))
    error = grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, grpc.aio.Metadata(), trailing, "broken", None)
    assert errors.translate(error, ADDRESS).violations == ()


def test_a_message_that_is_too_large_is_no_invitation_to_come_again() -> None:
    """gRPC says RESOURCE_EXHAUSTED, as a server without room does; it was told as "busy"."""
    said = "CLIENT: Sent message larger than max (5242900 vs. 4194304)"
    error = errors.translate(rpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED, said), ADDRESS)
    assert isinstance(error, errors.InvalidArgument)
    assert "larger than" in str(error)


def test_a_server_that_drains_is_there() -> None:
    """It was told as one that cannot be reached."""
    info = error_details_pb2.ErrorInfo(reason="DRAINING", domain="gapless")
    error = errors.translate(rpc_error(grpc.StatusCode.UNAVAILABLE, "shutting down", info), ADDRESS)
    assert isinstance(error, errors.ServerBusy)
    assert "takes no new utterances" in str(error)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("LOADING", errors.ServerLoading),
        ("DRAINING", errors.ServerBusy),
        ("ENGINE_BROKEN", errors.ServerFailed),
        ("", errors.ServerUnreachable),
    ],
)
def test_a_server_that_loads_one_that_ends_and_one_that_broke_are_told_apart(
    reason: str, kind: type[errors.ClientError]
) -> None:
    """All of them are UNAVAILABLE; whoever waits for a server to load must not wait for one that is gone."""
    info = error_details_pb2.ErrorInfo(reason=reason, domain="gapless")
    error = errors.translate(rpc_error(grpc.StatusCode.UNAVAILABLE, "the details", info), ADDRESS)
    assert type(error) is kind
