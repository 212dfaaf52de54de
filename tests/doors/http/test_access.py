"""Tokens go on to the service, TLS is spoken, and the door does not stand open by accident."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gapless.client import ClientError, Tls
from gapless.doors.http.options import Options
from gapless.doors.http.server import serving
from gapless.doors.listening.certificates import TlsFiles
from gapless.doors.listening.errors import ListeningError
from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from tests.doors.http.conftest import Open, open_door
from tests.recordings import recording
from tests.service.access.certificates import Authority
from tests.service.conftest import serve_scripted

OUTSIDE = "0.0.0.0:0"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.toml"


@pytest.fixture
def token(token_file: Path) -> str:
    return tokens.create(token_file, Caller(name="agent", max_utterances=1))


@pytest.fixture
async def guarded(token_file: Path, token: str) -> AsyncIterator[Open]:
    async with open_door(access=Access.of(AccessConfig(token_file=token_file), "127.0.0.1:0")) as opened:
        yield opened


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def ask(door: Open, method: str, path: str, headers: dict[str, str], **body: Any) -> tuple[int, Any]:
    async with door.session.request(method, f"{door.url}/v1{path}", headers=headers, **body) as response:
        is_json = response.content_type == "application/json"
        return response.status, await response.json() if is_json else await response.read()


SPEECH = {"json": {"input": "Hello.", "voice": "anna", "model": "tts-1"}}


def sample() -> dict[str, Any]:
    form = aiohttp.FormData()
    form.add_field("name", "mary")
    form.add_field("audio_sample", recording(), filename="mary.wav")
    return {"data": form}


@pytest.mark.parametrize(
    "headers",
    [{}, bearer("gapless_wrong"), {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}, bearer("t\u00fcr")],
)
async def test_a_missing_or_wrong_token_is_refused(guarded: Open, headers: dict[str, str]) -> None:
    for method, path, body in (
        ("POST", "/audio/speech", SPEECH),
        ("POST", "/audio/voices", sample()),
        ("DELETE", "/audio/voices/karl", {}),
        ("GET", "/models", {}),
    ):
        status, content = await ask(guarded, method, path, headers, **body)
        assert (status, content["error"]["code"]) == (401, "invalid_api_key"), (method, path)
    assert guarded.engine.submitted == []
    assert guarded.engine.cloned == []


async def test_the_right_one_speaks_and_may_do_what_it_may(guarded: Open, token: str, token_file: Path) -> None:
    assert (await ask(guarded, "POST", "/audio/speech", bearer(token), **SPEECH))[0] == 200
    status, content = await ask(guarded, "POST", "/audio/voices", bearer(token), **sample())
    assert (status, content["error"]["type"]) == (403, "permission_error")


async def test_the_quota_of_the_token_holds(guarded: Open, token: str) -> None:
    body = {"input": "word " * 200, "voice": "slow", "model": "tts-1", "response_format": "pcm"}
    async with guarded.session.post(f"{guarded.url}/v1/audio/speech", headers=bearer(token), json=body) as first:
        await first.content.readany()
        status, content = await ask(guarded, "POST", "/audio/speech", bearer(token), **SPEECH)
    assert (status, content["error"]["code"]) == (429, "rate_limit_exceeded")


async def test_what_open_webui_asks_for_without_its_key_is_answered(guarded: Open, token: str) -> None:
    status, content = await ask(guarded, "GET", "/audio/voices", {})
    assert status == 200
    assert "anna" not in str(content)
    assert {"alloy", "nova"} < {voice["id"] for voice in content["voices"]}
    assert (await ask(guarded, "GET", "/audio/models", {}))[0] == 200
    _, told = await ask(guarded, "GET", "/audio/voices", bearer(token))
    assert "anna" in {voice["id"] for voice in told["voices"]}
    async with guarded.session.get(f"{guarded.url}/health") as response:
        assert response.status == 200


async def test_a_key_for_a_service_that_wants_none_is_no_error(door: Open) -> None:
    assert (await ask(door, "POST", "/audio/speech", bearer("sk-anything"), **SPEECH))[0] == 200


async def test_voices_are_cloned_and_forgotten(door: Open) -> None:
    status, created = await ask(door, "POST", "/audio/voices", {}, **sample())
    assert (status, created["id"], created["object"]) == (200, "mary", "audio.voice")
    assert [voice.name for voice in door.engine.cloned] == ["mary"]
    assert (await ask(door, "POST", "/audio/speech", {}, json={"input": "Hi.", "voice": {"id": "mary"}}))[0] == 200
    assert (await ask(door, "DELETE", "/audio/voices/mary", {}))[1]["deleted"] is True
    assert (await ask(door, "DELETE", "/audio/voices/mary", {}))[0] == 400


@pytest.mark.parametrize(("left_out", "param"), [("name", "name"), ("audio_sample", "audio_sample")])
async def test_half_a_voice_is_refused(door: Open, left_out: str, param: str) -> None:
    form = aiohttp.FormData()
    for name, content in (("name", "mary"), ("audio_sample", "no audio")):
        if name != left_out:
            form.add_field(name, content, filename=name)
    status, content = await ask(door, "POST", "/audio/voices", {}, data=form)
    assert (status, content["error"]["param"]) == (400, param)


async def test_tls_is_spoken_and_a_new_certificate_is_taken_up(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue().write(tmp_path, "server")
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    async with open_door({"tls": TlsFiles(certificate=certificate, key=key)}) as door:
        async with door.session.get(f"{door.url}/health", ssl=trust) as response:
            assert response.status == 200
        other = Authority("another")
        other.issue().write(tmp_path, "server")
        trust_other = ssl.create_default_context(cadata=other.pem.decode())
        async with asyncio.timeout(10):
            while True:
                try:
                    async with (
                        aiohttp.ClientSession() as fresh,
                        fresh.get(f"{door.url}/health", ssl=trust_other) as response,
                    ):
                        assert response.status == 200
                        break
                except aiohttp.ClientSSLError:
                    await asyncio.sleep(0.1)


async def test_beyond_loopback_the_service_must_want_tokens(token_file: Path, token: str, tmp_path: Path) -> None:
    certificate, key = Authority().issue().write(tmp_path, "server")
    tls = TlsFiles(certificate=certificate, key=key)

    async def opens(service: str, **options: Any) -> None:
        async with serving(Options(address=OUTSIDE, service=service, **options)):
            pass

    async with serve_scripted() as served:
        with pytest.raises(ListeningError, match="--token-file"):
            await opens(served.address, tls=tls)
        with pytest.raises(ListeningError, match="--tls-cert"):
            await opens(served.address, anonymous=True)
        await opens(served.address, tls=tls, anonymous=True)
    with pytest.raises(ListeningError, match="stays closed"):
        await opens(served.address, tls=tls)
    async with serve_scripted(access=Access.of(AccessConfig(token_file=token_file), "127.0.0.1:0")) as served:
        with pytest.raises(ListeningError, match="--insecure"):
            await opens(served.address)
        await opens(served.address, tls=tls)
        await opens(served.address, insecure=True)


async def test_tokens_do_not_go_to_another_machine_in_plain_text() -> None:
    with pytest.raises(ClientError, match="only over TLS"):
        async with serving(Options(address="127.0.0.1:0", service="192.0.2.1:50051")):
            pass
    async with serving(Options(address="127.0.0.1:0", service="192.0.2.1:50051", service_tls=Tls())):
        pass


async def test_a_taken_port_is_told(door: Open) -> None:
    with pytest.raises(ListeningError, match="cannot listen on"):
        async with serving(Options(address=door.url.removeprefix("http://"), service=door.served.address)):
            pass
