"""TLS and tokens: each right way works, each wrong one says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from client import AccessDenied, Client, ClientClosed, ClientError, ServerUnreachable, Tls
from client._transport.channels import Target
from client.cli import main as cli
from tests.client.fake_server import FakeServer
from tests.service.access.certificates import Authority, Signed
from tests.service.conftest import serve_scripted

TOKEN = "a-token"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def signed(authority: Authority) -> Signed:
    return authority.issue()


@pytest.fixture
def secure_server(authority: Authority, signed: Signed) -> Iterator[FakeServer]:
    """It wants a client certificate and a token."""
    pair = (signed.key, signed.certificate)
    credentials = grpc.ssl_server_credentials([pair], authority.pem, require_client_auth=True)
    with FakeServer(credentials=credentials, token=TOKEN) as running:
        yield running


@pytest.fixture
def tls(authority: Authority, signed: Signed, tmp_path: Path) -> Tls:
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    certificate, key = signed.write(tmp_path, "client")
    return Tls(ca=tmp_path / "ca.pem", certificate=certificate, key=key)


async def test_every_call_carries_certificate_and_token(secure_server: FakeServer, tls: Tls) -> None:
    async with Client(secure_server.address, tls=tls, token=TOKEN) as client:
        assert [chunk async for chunk in client.say("Hello.")]
        assert [voice.name for voice in await client.voices()] == ["anna", "karl"]
        assert (await client.create_voice("mary", b"RIFF")).voice.name == "mary"
        await client.delete_voice("mary")
        await client.probe_clock()


async def test_a_missing_or_wrong_token_is_told(secure_server: FakeServer, tls: Tls) -> None:
    for token in (None, "another"):
        with pytest.raises(AccessDenied, match="a token is missing or wrong"):
            async with Client(secure_server.address, tls=tls, token=token):
                pass


async def test_a_certificate_of_another_authority_is_told(secure_server: FakeServer, tls: Tls, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(Authority("another").pem)
    with pytest.raises(ServerUnreachable, match="certificate") as told:
        async with Client(secure_server.address, tls=Tls(ca=tmp_path / "other.pem"), token=TOKEN):
            pass
    assert "start it with" not in str(told.value)


async def test_a_plain_server_is_told_from_one_that_speaks_tls(server: FakeServer, tls: Tls) -> None:
    with pytest.raises(ServerUnreachable, match="does not speak TLS"):
        async with Client(server.address, tls=tls):
            pass


async def test_a_client_without_tls_or_certificate_is_told_what_may_be_missing(
    secure_server: FakeServer, tls: Tls
) -> None:
    for less, why in ((False, "it may want TLS"), (Tls(ca=tls.ca), "it may want a client certificate")):
        with pytest.raises(ServerUnreachable, match=why):
            async with Client(secure_server.address, tls=less):
                pass


async def test_a_token_is_not_sent_in_plain_text_to_another_machine() -> None:
    with pytest.raises(ClientError, match="only over TLS"):
        Client("192.0.2.1:50051", token=TOKEN)
    assert TOKEN not in repr(Target(address="127.0.0.1:1", token=TOKEN))


async def test_files_that_do_not_fit_are_told(tls: Tls, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="belong together"):
        async with Client(tls=Tls(ca=tls.ca, certificate=tls.certificate)):
            pass
    with pytest.raises(ClientError, match="cannot read"):
        async with Client(tls=Tls(ca=tmp_path / "nowhere.pem")):
            pass


@pytest.mark.parametrize(
    ("address", "is_loopback"),
    [("127.0.0.1:1", True), ("[::1]:1", True), ("localhost:1", True), ("unix:/s", True), ("example.org:1", False)],
)
def test_this_machine_is_known_by_its_address(address: str, is_loopback: bool) -> None:
    assert Target(address=address).is_loopback is is_loopback


def test_the_command_line_reads_files_and_environment(
    secure_server: FakeServer,
    tls: Tls,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    monkeypatch.setenv("GAPLESS_CLIENT_TOKEN_FILE", str(tmp_path / "token"))
    flags = ["--tls-ca", str(tls.ca), "--tls-cert", str(tls.certificate), "--tls-key", str(tls.key)]
    assert cli.main(["voices", "--address", secure_server.address, *flags]) == 0
    assert "karl" in capsys.readouterr().out


def test_the_service_s_list_of_tokens_is_not_sent_as_a_token(
    server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The two flags have the same name: --token-file."""
    (tmp_path / "tokens").write_text("anna 1234\nkarl 5678\n")
    flags = ["--address", server.address, "--token-file", str(tmp_path / "tokens")]
    assert cli.main(["voices", *flags]) == 1
    assert "one token and nothing else" in capsys.readouterr().err


async def test_one_connection_speaks_for_several_callers(secure_server: FakeServer, tls: Tls) -> None:
    client = Client(secure_server.address, tls=tls)
    await client.open()
    try:
        assert [chunk async for chunk in client.on_behalf_of(TOKEN).say("Hello.")]
        assert (await client.on_behalf_of(TOKEN).info()).model
        for token in (None, "another"):
            with pytest.raises(AccessDenied):
                await client.on_behalf_of(token).info()
    finally:
        await client.close()
    with pytest.raises(ClientClosed):
        client.on_behalf_of(TOKEN)


async def test_health_is_asked_without_a_token(server: FakeServer) -> None:
    async with Client(server.address) as client:
        assert await client.is_serving() is False  # this server has no health service
    async with serve_scripted() as served, Client(served.address) as client:
        assert await client.is_serving() is True
