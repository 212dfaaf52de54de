"""Real servers with TLS and tokens: each right way works, each wrong one is refused in its own words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from gapless.tts.v1 import tts_pb2 as pb
from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from tests.recordings import recording
from tests.service.access.certificates import Authority
from tests.service.conftest import Serve, Served
from tests.service.talk import config, detail, end, say, text

Metadata = list[tuple[str, str]]


def bearer(token: str) -> Metadata:
    return [("authorization", f"Bearer {token}")]


@dataclass(frozen=True)
class Known:
    """A token file and the tokens that it knows."""

    path: Path
    plain: str
    maker: str
    admin: str


@pytest.fixture
def known(tmp_path: Path) -> Known:
    path = tmp_path / "tokens.toml"
    plain = tokens.create(path, Caller(name="plain", max_utterances=2))
    maker = tokens.create(path, Caller(name="maker", may_create_voices=True, max_voice_bytes=1 << 20))
    admin = tokens.create(path, Caller(name="admin", may_create_voices=True, is_admin=True))
    return Known(path, plain, maker, admin)


@pytest.fixture
def access(known: Known) -> Access:
    return Access.of(AccessConfig(token_file=known.path), "127.0.0.1:0")


async def refused(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(call, 5)
    info = detail(caught.value, ErrorInfo)
    return caught.value.code(), info.reason if info else "", caught.value.details() or ""


def every_method(served: Served, metadata: Metadata) -> dict[str, Callable[[], Awaitable[Any]]]:
    stub = served.stub
    reflection = reflection_pb2_grpc.ServerReflectionStub(served.channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    return {
        "Synthesize": lambda: say(stub, [config(), text("Hello."), end()], metadata=metadata),
        "ListVoices": lambda: stub.ListVoices(pb.ListVoicesRequest(), metadata=metadata),
        "CreateVoice": lambda: stub.CreateVoice(iter([]), metadata=metadata),
        "DeleteVoice": lambda: stub.DeleteVoice(pb.DeleteVoiceRequest(name="x"), metadata=metadata),
        "GetServerInfo": lambda: stub.GetServerInfo(pb.GetServerInfoRequest(), metadata=metadata),
        "ProbeClock": lambda: stub.ProbeClock(pb.ProbeClockRequest(), metadata=metadata),
        "ServerReflectionInfo": lambda: reflection.ServerReflectionInfo(iter([asked]), metadata=metadata).read(),
    }


WRONG: dict[str, tuple[Metadata, str]] = {
    "no token": ([], "TOKEN_MISSING"),
    "another scheme": ([("authorization", "Basic abc")], "TOKEN_MALFORMED"),
    "no scheme": ([("authorization", "abc")], "TOKEN_MALFORMED"),
    "an empty token": ([("authorization", "Bearer ")], "TOKEN_MALFORMED"),
    "two tokens": ([*bearer("a"), *bearer("b")], "TOKEN_MALFORMED"),
    "an unknown token": (bearer("gapless_" + "A" * 43), "TOKEN_UNKNOWN"),
    "a long one": (bearer("A" * 4000), "TOKEN_UNKNOWN"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_every_method_refuses_a_wrong_token(serve: Serve, access: Access, wrong: str) -> None:
    metadata, reason = WRONG[wrong]
    async with serve(access=access) as served:
        for name, call in every_method(served, metadata).items():
            code, told, _ = await refused(call())
            assert (name, code, told) == (name, grpc.StatusCode.UNAUTHENTICATED, reason)
        assert served.engine.submitted == []


async def test_a_wrong_token_leaves_no_line_in_the_log(
    serve: Serve, access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with serve(access=access) as served:
        caplog.clear()
        await refused(served.stub.GetServerInfo(pb.GetServerInfoRequest()))
    assert "token" not in caplog.text


async def test_a_known_token_may_speak_and_ask(serve: Serve, access: Access, known: Known) -> None:
    async with serve(access=access) as served:
        methods = every_method(served, bearer(known.plain))
        assert (await methods["Synthesize"]()).finished.usage.samples > 0
        for name in ("ListVoices", "GetServerInfo", "ProbeClock", "ServerReflectionInfo"):
            assert await methods[name]()


async def test_health_needs_no_token(serve: Serve, access: Access) -> None:
    async with serve(access=access) as served:
        answer = await health_pb2_grpc.HealthStub(served.channel).Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_quota_holds_for_its_token_alone(serve: Serve, access: Access, known: Known) -> None:
    async with serve(access=access, max_utterances=8) as served:
        held = []
        for _ in range(2):
            call = served.stub.Synthesize(metadata=bearer(known.plain))
            await call.write(config())
            assert (await call.read()).HasField("started")
            held.append(call)
        code, reason, said = await refused(say(served.stub, [config(), end()], metadata=bearer(known.plain)))
        assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
        assert "2 of 2 utterances of token 'plain'" in said
        other = await say(served.stub, [config(), text("Hello."), end()], metadata=bearer(known.maker))
        assert other.finished.usage.samples > 0
        held[0].cancel()
        for _ in range(100):
            if len(served.engine._running) < 2:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        again = await say(served.stub, [config(), text("Hello."), end()], metadata=bearer(known.plain))
        assert again.finished.usage.samples > 0


async def check(channel: grpc.aio.Channel) -> health_pb2.HealthCheckResponse:
    return await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=3)


async def create(served: Served, name: str, token: str) -> pb.CreateVoiceResponse:
    parts = [pb.CreateVoiceRequest(config=pb.NewVoice(name=name)), pb.CreateVoiceRequest(audio=recording())]
    created: pb.CreateVoiceResponse = await served.stub.CreateVoice(iter(parts), metadata=bearer(token))
    return created


async def delete(served: Served, name: str, token: str) -> Any:
    return await served.stub.DeleteVoice(pb.DeleteVoiceRequest(name=name), metadata=bearer(token))


async def test_voices_belong_to_the_token_that_made_them(serve: Serve, access: Access, known: Known) -> None:
    async with serve(access=access) as served:
        denied = grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"
        assert (await refused(create(served, "mine", known.plain)))[:2] == denied
        await create(served, "mine", known.maker)
        code, reason, _ = await refused(create(served, "another", known.maker))  # its one MiB is used up
        assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
        assert (await refused(delete(served, "mine", known.plain)))[:2] == denied
        await delete(served, "mine", known.maker)
        await create(served, "mine", known.maker)
        await delete(served, "mine", known.admin)
        await create(served, "theirs", known.admin)
        assert (await refused(delete(served, "theirs", known.maker)))[:2] == denied


async def test_a_new_token_is_known_without_a_restart(serve: Serve, access: Access, known: Known) -> None:
    async with serve(access=access) as served:
        late = tokens.create(known.path, Caller(name="late"))
        assert access.tokens is not None
        await asyncio.to_thread(access.tokens.refresh)
        assert (
            await say(served.stub, [config(), text("Hello."), end()], metadata=bearer(late))
        ).finished.usage.samples > 0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


class TestTls:
    def config(self, folder: Path, authority: Authority, client_ca: Path | None = None) -> AccessConfig:
        certificate, key = authority.issue().write(folder, "server")
        return AccessConfig(tls_cert=certificate, tls_key=key, tls_client_ca=client_ca)

    async def test_a_client_that_trusts_the_authority_speaks(
        self, serve: Serve, tmp_path: Path, authority: Authority
    ) -> None:
        access = Access.of(self.config(tmp_path, authority), "127.0.0.1:0")
        trusting = grpc.ssl_channel_credentials(authority.pem)
        async with serve(access=access, credentials=trusting) as served:
            assert (await say(served.stub, [config(), text("Hello."), end()])).finished.usage.samples > 0

    async def test_a_client_that_trusts_another_authority_does_not_connect(
        self, serve: Serve, tmp_path: Path, authority: Authority
    ) -> None:
        access = Access.of(self.config(tmp_path, authority), "127.0.0.1:0")
        other = grpc.ssl_channel_credentials(Authority("another").pem)
        async with serve(access=access, credentials=other) as served:
            code, _, _ = await refused(served.stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=3))
            assert code is grpc.StatusCode.UNAVAILABLE

    async def test_a_plain_client_does_not_connect(self, serve: Serve, tmp_path: Path, authority: Authority) -> None:
        access = Access.of(self.config(tmp_path, authority), "127.0.0.1:0")
        async with serve(access=access) as served:
            code, _, _ = await refused(served.stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=3))
            assert code is grpc.StatusCode.UNAVAILABLE

    async def test_clients_show_certificates_where_they_must(
        self, serve: Serve, tmp_path: Path, authority: Authority
    ) -> None:
        clients = Authority("clients")
        ca = tmp_path / "clients.pem"
        ca.write_bytes(clients.pem)
        access = Access.of(self.config(tmp_path, authority, client_ca=ca), "127.0.0.1:0")
        signed, stranger = clients.issue("agent"), authority.issue("stranger")
        showing = grpc.ssl_channel_credentials(authority.pem, signed.key, signed.certificate)
        async with serve(access=access, credentials=showing) as served:
            assert await served.stub.GetServerInfo(pb.GetServerInfoRequest())
            for wrong in (
                grpc.ssl_channel_credentials(authority.pem),
                grpc.ssl_channel_credentials(authority.pem, stranger.key, stranger.certificate),
            ):
                async with grpc.aio.secure_channel(served.address, wrong) as channel:
                    code, _, _ = await refused(check(channel))
                    assert code is grpc.StatusCode.UNAVAILABLE

    async def test_a_renewed_certificate_is_shown_to_new_connections_and_no_call_is_lost(
        self, serve: Serve, tmp_path: Path, authority: Authority
    ) -> None:
        settings = self.config(tmp_path, authority)
        access = Access.of(settings, "127.0.0.1:0")
        renewed_by = Authority("renewed")
        async with serve(access=access, credentials=grpc.ssl_channel_credentials(authority.pem)) as served:
            call = served.stub.Synthesize()
            await call.write(config(voice="slow"))
            await call.write(text("A call that goes on while the certificate is renewed."))
            assert (await call.read()).HasField("started")
            renewed_by.issue().write(tmp_path, "server")
            assert access.certificates is not None
            await asyncio.to_thread(access.certificates.refresh)
            new = grpc.ssl_channel_credentials(renewed_by.pem)
            async with grpc.aio.secure_channel(served.address, new) as channel:
                assert (await check(channel)).status == health_pb2.HealthCheckResponse.SERVING
            await call.write(end())
            while not (event := await call.read()).HasField("finished"):
                assert event is not grpc.aio.EOF
            assert await call.code() is grpc.StatusCode.OK


async def test_many_wrong_tokens_of_a_connection_keep_no_other_call_waiting(
    serve: Serve, access: Access, known: Known
) -> None:
    """A thousand refusals a second made others hear their first sound twice as late."""
    async with serve(access=access, refusals_per_s=5.0, refusal_burst=1, max_calls=10) as served:
        wrong = [asyncio.create_task(refused(served.stub.ListVoices(pb.ListVoicesRequest()))) for _ in range(12)]
        await asyncio.sleep(0.3)
        waiting = [call for call in wrong if not call.done()]
        assert len(waiting) > 5  # more than the calls that this server takes at once, and they do not count
        spoken = await say(served.stub, [config(), text("Hello."), end()], metadata=bearer(known.plain))
        assert spoken.finished.usage.samples > 0
        assert any(not call.done() for call in waiting)
        assert {(await call)[1] for call in wrong} == {"TOKEN_MISSING"}
