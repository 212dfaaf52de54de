"""The one border: whatever a method raises leaves as a canonical status that tells nothing of the inside."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from engine.errors import StorageError, UtteranceFailed
from gapless.tts.v1 import tts_pb2 as pb
from service.rpc import errors
from tests.service.conftest import Served
from tests.service.talk import detail

SECRET = "RuntimeError: CUDA error at /home/me/models/t3.safetensors"
CALLS: dict[str, tuple[str, Callable[[Served], Awaitable[Any]]]] = {
    "ListVoices": ("voices", lambda served: served.stub.ListVoices(pb.ListVoicesRequest())),
    "GetServerInfo": ("stats", lambda served: served.stub.GetServerInfo(pb.GetServerInfoRequest())),
    "DeleteVoice": ("voices", lambda served: served.stub.DeleteVoice(pb.DeleteVoiceRequest(name="mary"))),
}


@pytest.mark.parametrize("method", CALLS)
async def test_a_bug_in_any_method_is_internal_and_tells_nothing(
    served: Served, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Methods without a border of their own answered UNKNOWN, with the exception's class and text."""
    broken, call = CALLS[method]

    def fail(*_: object) -> NoReturn:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(served.engine, broken, fail)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call(served)
    assert failure.value.code() is grpc.StatusCode.INTERNAL
    assert (failure.value.details() or "").startswith("internal error; the server's log tells more (call ")
    info = detail(failure.value, error_details_pb2.ErrorInfo)
    assert info is not None
    assert (info.reason, info.domain) == ("INTERNAL", "gapless")
    monkeypatch.undo()


async def test_what_a_method_aborts_itself_stays_as_it_is(served: Served) -> None:
    health = health_pb2_grpc.HealthStub(served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await health.Check(health_pb2.HealthCheckRequest(service="nobody"))
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


def storage_error(number: int) -> StorageError:
    error = StorageError("voice 'mary' cannot be stored: [Errno 28] /data/voices/mary")
    error.__cause__ = OSError(number, "told by the system", "/data/voices/mary")
    return error


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (storage_error(errno.ENOSPC), grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL"),
        (storage_error(errno.EDQUOT), grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL"),
        (storage_error(errno.EACCES), grpc.StatusCode.FAILED_PRECONDITION, "STORAGE_NOT_WRITABLE"),
        (MemoryError(), grpc.StatusCode.RESOURCE_EXHAUSTED, "OUT_OF_MEMORY"),
        (UtteranceFailed(SECRET), grpc.StatusCode.INTERNAL, "UTTERANCE_FAILED"),
        (KeyError("secret"), grpc.StatusCode.INTERNAL, "INTERNAL"),
    ],
)
def test_faults_of_the_server_have_a_reason_and_no_path(error: Exception, code: grpc.StatusCode, reason: str) -> None:
    status = errors.to_grpc_status(error, "call", "1")
    assert (status.code, errors.reason_of(error)) == (code, reason)
    assert errors.is_fault(error)
    assert not any(secret in status.details for secret in ("/", "Error", "CUDA", "secret"))
    assert "grpc-retry-pushback-ms" not in dict(status.trailing_metadata)
