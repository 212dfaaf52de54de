"""The one border: whatever a method raises leaves as a canonical status that tells nothing of the inside."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha._base import BaseReflectionServicer

from engine.errors import EngineBroken, Fault, ModelError, OutOfMemory, StorageError, UtteranceFailed
from gapless.tts.v1 import tts_pb2 as pb
from service.rpc import errors, responses
from tests.recordings import recording
from tests.service.conftest import Served
from tests.service.talk import detail, end, say, seeded, text, writing

TextToSpeech = pb.DESCRIPTOR.services_by_name["TextToSpeechService"]
SECRET = "RuntimeError: CUDA error at /home/me/models/t3.safetensors"
HEALTH = health_pb2.HealthCheckRequest()


async def create_voice(served: Served) -> object:
    config = pb.NewVoice(name="mary")
    requests = [pb.CreateVoiceRequest(config=config), pb.CreateVoiceRequest(audio=recording())]
    call = served.stub.CreateVoice()
    async with writing(call, requests):
        return await call


async def whole_text(served: Served) -> object:
    request = pb.SynthesizeTextRequest(text="Hello.")
    return [event async for event in served.stub.SynthesizeText(request)]


async def reflection(served: Served) -> object:
    call = reflection_pb2_grpc.ServerReflectionStub(served.channel).ServerReflectionInfo()
    async with writing(call, [reflection_pb2.ServerReflectionRequest(list_services="")]):
        return [answer async for answer in call]


async def watch(served: Served) -> object:
    return await health_pb2_grpc.HealthStub(served.channel).Watch(HEALTH).read()


# Each method of this server: what of the inside breaks under it, and a call.
METHODS: dict[str, tuple[str, Callable[[Served], Awaitable[object]]]] = {
    "Synthesize": ("engine.submit", lambda served: say(served.stub, [seeded(), text("Hello."), end()])),
    "SynthesizeText": ("engine.submit", whole_text),
    "CreateVoice": ("engine.create_voice", create_voice),
    "DeleteVoice": ("engine.voices", lambda served: served.stub.DeleteVoice(pb.DeleteVoiceRequest(name="mary"))),
    "ListVoices": ("engine.voices", lambda served: served.stub.ListVoices(pb.ListVoicesRequest())),
    "GetServerInfo": ("engine.stats", lambda served: served.stub.GetServerInfo(pb.GetServerInfoRequest())),
    "ProbeClock": ("clock", lambda served: served.stub.ProbeClock(pb.ProbeClockRequest())),
    "Check": ("health", lambda served: health_pb2_grpc.HealthStub(served.channel).Check(HEALTH)),
    "Watch": ("health", watch),
    "ServerReflectionInfo": ("reflection", reflection),
}


def storage_error(number: int) -> StorageError:
    error = StorageError("voice 'mary' cannot be stored: [Errno 28] /data/voices/mary")
    error.__cause__ = OSError(number, "told by the system", "/data/voices/mary")
    return error


KINDS = {
    "disk full": (storage_error(errno.ENOSPC), grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL"),
    "quota of the disk": (storage_error(errno.EDQUOT), grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL"),
    "not writable": (storage_error(errno.EACCES), grpc.StatusCode.FAILED_PRECONDITION, "STORAGE_NOT_WRITABLE"),
    "no descriptors": (OSError(errno.EMFILE, SECRET), grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_FILES"),
    "out of memory": (MemoryError(SECRET), grpc.StatusCode.RESOURCE_EXHAUSTED, "OUT_OF_MEMORY"),
    "refused by the system": (OSError(errno.ENOMEM, SECRET), grpc.StatusCode.RESOURCE_EXHAUSTED, "OUT_OF_MEMORY"),
    "device out of memory": (OutOfMemory(SECRET), grpc.StatusCode.RESOURCE_EXHAUSTED, "OUT_OF_MEMORY"),
    "utterance": (UtteranceFailed(SECRET), grpc.StatusCode.INTERNAL, "UTTERANCE_FAILED"),
    "engine": (ModelError(SECRET), grpc.StatusCode.INTERNAL, "ENGINE_FAILED"),
    "broken": (EngineBroken(Fault.STAGE_OVERDUE, SECRET), grpc.StatusCode.UNAVAILABLE, "ENGINE_BROKEN"),
    "bug": (RuntimeError(SECRET), grpc.StatusCode.INTERNAL, "INTERNAL"),
    "another bug": (KeyError("/secret"), grpc.StatusCode.INTERNAL, "INTERNAL"),
}


def breaks(served: Served, inside: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    target = {
        "engine": served.engine,
        "clock": responses,
        "health": health.aio.HealthServicer,
        "reflection": BaseReflectionServicer,
    }[inside.partition(".")[0]]
    name = {"clock": "to_clock_reply", "reflection": "_list_services"}.get(inside, inside.partition(".")[2])
    if inside == "health":
        monkeypatch.setattr(served.server._health, "_server_status", type("Broken", (), {"get": fail})())
    else:
        monkeypatch.setattr(target, name, fail)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
async def test_each_fault_leaves_each_method_as_its_own_status(
    served: Served, method: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Methods without a border of their own answered UNKNOWN, with the exception's class and text."""
    (inside, call), (error, code, reason) = METHODS[method], KINDS[kind]
    with monkeypatch.context() as patch:
        breaks(served, inside, error, patch)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await call(served)
    assert failure.value.code() is code
    assert tells_nothing(failure.value.details() or "")
    info = detail(failure.value, error_details_pb2.ErrorInfo)
    assert info is not None
    assert (info.reason, info.domain) == (reason, "gapless")


def tells_nothing(details: str) -> bool:
    """No path, no library's words, no class."""
    return not any(inside in details for inside in ("/", "Error", "CUDA", "secret", "[Errno", "Traceback", "<"))


@pytest.mark.parametrize("method", [one for one in TextToSpeech.methods if one.input_type])
async def test_bytes_that_are_no_message_are_the_clients_mistake(served: Served, method: Any) -> None:
    """grpc reads the one message of a unary call before any handler: it answered with the name of a Python class."""
    path, client_streams = f"/{TextToSpeech.full_name}/{method.name}", method.client_streaming
    kinds: dict[tuple[bool, bool], Any] = {
        (False, False): served.channel.unary_unary,
        (False, True): served.channel.unary_stream,
        (True, False): served.channel.stream_unary,
        (True, True): served.channel.stream_stream,
    }
    start = kinds[client_streams, method.server_streaming](path)
    garbage = b"\xff\xff\xff"
    call = start(iter([garbage])) if client_streams else start(garbage)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call.read() if method.server_streaming else await call
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert tells_nothing(failure.value.details() or "")


async def test_what_a_method_aborts_itself_stays_as_it_is(served: Served) -> None:
    health = health_pb2_grpc.HealthStub(served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await health.Check(health_pb2.HealthCheckRequest(service="nobody"))
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_caller_is_not_told_to_come_again_where_that_helps_nobody() -> None:
    status = errors.to_grpc_status(storage_error(errno.EACCES), "call", "1")
    assert "grpc-retry-pushback-ms" not in dict(status.trailing_metadata)
