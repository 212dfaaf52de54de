"""docs/security.md lists every method and who may call it: here each is called in each role."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from gapless.tts.v1 import tts_pb2 as pb
from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from service.rpc.handler import SERVICE
from tests.recordings import recording
from tests.service.conftest import Serve, Served
from tests.service.talk import config, end, say, text

PAGE = Path(__file__).parents[3] / "docs" / "security.md"
ROLES = {  # as the page's columns have them; None shows no token
    "no token": None,
    "any token": Caller(name="any"),
    "may create voices": Caller(name="maker", may_create_voices=True),
    "admin": Caller(name="admin", is_admin=True),
}
DENIED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)

Metadata = list[tuple[str, str]]
Call = Callable[[Metadata], Awaitable[Any]]


def calls(served: Served, owners: dict[str, Metadata]) -> dict[str, Call]:
    """One call of each method, and those of voices as their owner and as somebody else."""
    stub, channel = served.stub, served.channel

    async def create(metadata: Metadata, name: str = "made") -> None:
        parts = [pb.CreateVoiceRequest(config=pb.NewVoice(name=name)), pb.CreateVoiceRequest(audio=recording())]
        await stub.CreateVoice(iter(parts), metadata=metadata)

    names = (f"voice-{number}" for number in itertools.count())

    async def delete(metadata: Metadata, owner: str) -> None:
        name = next(names)
        await create(owners[owner], name)
        await stub.DeleteVoice(pb.DeleteVoiceRequest(name=name), metadata=metadata)

    async def reflect(version: str, metadata: Metadata) -> None:
        method = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        call = method(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), metadata=metadata)
        assert await call.read() is not grpc.aio.EOF

    async def watch(metadata: Metadata) -> None:
        call = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), metadata=metadata)
        assert (await call.read()).status == health_pb2.HealthCheckResponse.SERVING
        call.cancel()

    async def speak_text(metadata: Metadata) -> None:
        async for _ in stub.SynthesizeText(pb.SynthesizeTextRequest(text="Hello."), metadata=metadata):
            pass

    health = health_pb2_grpc.HealthStub(channel)
    return {
        f"{SERVICE}/CreateVoice": create,
        f"{SERVICE}/DeleteVoice of one's own voice": lambda given: delete(given, "may create voices"),
        f"{SERVICE}/DeleteVoice of another's voice": lambda given: delete(given, "other"),
        f"{SERVICE}/GetServerInfo": lambda given: stub.GetServerInfo(pb.GetServerInfoRequest(), metadata=given),
        f"{SERVICE}/ListVoices": lambda given: stub.ListVoices(pb.ListVoicesRequest(), metadata=given),
        f"{SERVICE}/ProbeClock": lambda given: stub.ProbeClock(pb.ProbeClockRequest(), metadata=given),
        f"{SERVICE}/Synthesize": lambda given: say(stub, [config(), text("Hello."), end()], metadata=given),
        f"{SERVICE}/SynthesizeText": speak_text,
        "grpc.health.v1.Health/Check": lambda given: health.Check(health_pb2.HealthCheckRequest(), metadata=given),
        "grpc.health.v1.Health/Watch": watch,
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": lambda given: reflect("v1", given),
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": lambda given: reflect("v1alpha", given),
    }


async def allowed(call: Awaitable[Any]) -> bool:
    try:
        await asyncio.wait_for(call, 5)
    except grpc.aio.AioRpcError as error:
        if error.code() in DENIED:
            return False
        raise
    return True


async def test_the_page_says_who_may_call_what(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    shown: dict[str, Metadata] = {"no token": []}
    everyone = {**{name: caller for name, caller in ROLES.items() if caller}, "other": Caller(
        name="other", may_create_voices=True
    )}  # fmt: skip
    for name, caller in everyone.items():
        shown[name] = [("authorization", f"Bearer {tokens.create(path, caller)}")]
    async with serve(access=Access.of(AccessConfig(token_file=path), "127.0.0.1:0")) as served:
        rows = [
            "| method | " + " | ".join(ROLES) + " |",
            "|---|" + "---|" * len(ROLES),
        ]
        for method, call in calls(served, shown).items():
            answers = [await allowed(call(shown[role])) for role in ROLES]
            rows.append(f"| {method} | " + " | ".join("yes" if answer else "no" for answer in answers) + " |")
    listed = PAGE.read_text().split("<!-- methods -->\n")[1].split("<!-- /methods -->")[0]
    assert listed.splitlines() == rows


def test_the_page_lists_every_method_of_the_contract() -> None:
    page = PAGE.read_text()
    for method in pb.DESCRIPTOR.services_by_name["TextToSpeechService"].methods:
        assert f"| {SERVICE}/{method.name} " in page
