"""What is around Synthesize: voices, server info, clock, health, reflection."""

from __future__ import annotations

import time

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from gapless.tts.v1 import tts_pb2 as pb
from service.rpc.handler import SERVICE
from tests.fakes import UTTERANCE_BYTES
from tests.service.conftest import Serve, Served


async def test_voices_are_listed_by_name(served: Served) -> None:
    reply = await served.stub.ListVoices(pb.ListVoicesRequest())
    assert [voice.name for voice in reply.voices] == ["anna", "broken", "karl", "slow", "stuck"]
    assert reply.default_voice == "anna"
    assert list(reply.voices[0].language_codes) == ["en", "de"]


async def test_server_info_tells_what_acts_and_what_does_not(served: Served) -> None:
    info = await served.stub.GetServerInfo(pb.GetServerInfoRequest())
    assert (info.version, info.model, info.native_sample_rate_hertz) == ("test", "scripted", 24_000)
    assert list(info.sample_rates_hertz) == [8_000, 16_000, 22_050, 24_000, 44_100, 48_000]
    assert sorted(info.encodings) == [1, 2, 3, 4, 5]  # the last is Opus: the tests have libopus
    assert info.limits.max_utterances == 4
    assert (info.utterance_bytes, info.utterance_memory_bytes) == (UTTERANCE_BYTES, 4 * UTTERANCE_BYTES)
    assert info.default_streaming.max_lead.seconds == 10
    assert info.default_sampling.HasField("temperature")
    assert not info.default_sampling.HasField("cfg_weight")
    assert info.features == pb.Features(playback_reports=True, voice_cloning=True, pronunciations=True, resume=True)


async def test_the_clock_is_unix_nanoseconds(served: Served) -> None:
    reply = await served.stub.ProbeClock(pb.ProbeClockRequest(client_send_unix_nanos=-5))
    assert reply.client_send_unix_nanos == -5
    assert reply.server_receive_unix_nanos <= reply.server_send_unix_nanos
    assert abs(reply.server_send_unix_nanos - time.time_ns()) < 5_000_000_000


@pytest.mark.parametrize("name", ["", SERVICE])
async def test_health_is_serving(served: Served, name: str) -> None:
    health = health_pb2_grpc.HealthStub(served.channel)
    reply = await health.Check(health_pb2.HealthCheckRequest(service=name))
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_lists_and_describes(served: Served, version: str) -> None:
    """grpcurl and buf ask v1 first."""
    ask = served.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    questions = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
    ]
    call: grpc.aio.StreamStreamCall[object, reflection_pb2.ServerReflectionResponse] = ask(iter(questions))
    listed, described = [answer async for answer in call]
    names = {service.name for service in listed.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(file)
        for file in described.file_descriptor_response.file_descriptor_proto
    ]
    methods = {method.name for file in files for service in file.service for method in service.method}
    assert methods == {
        "Synthesize",
        "SynthesizeText",
        "ListVoices",
        "CreateVoice",
        "DeleteVoice",
        "GetServerInfo",
        "ProbeClock",
    }


async def test_reflection_can_be_left_out(serve: Serve) -> None:
    async with serve(has_reflection=False) as served:
        for version in ("v1", "v1alpha"):
            method = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
            assert await served.channel.stream_stream(method)().code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_server_starts_without_a_warning(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with serve():
        pass
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []
