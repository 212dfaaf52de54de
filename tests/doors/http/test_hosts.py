"""By which names the door answers, and pages of which origin may use it."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from gapless.doors.http.errors import BadRequest
from gapless.doors.http.hosts import Hosts
from tests.doors.http.conftest import Open, open_door


def allowed(hosts: Hosts, host: str, origin: str | None = None) -> int:
    """200, or with which status it is refused."""
    headers = {"Host": host} | ({"Origin": origin} if origin is not None else {})
    try:
        hosts.check(make_mocked_request("GET", "/", headers=headers))
    except BadRequest as error:
        return error.status
    return 200


OWN = ("127.0.0.1:8880", "localhost:8880", "[::1]:8880", "192.0.2.7", "door.localhost", "door", "host.docker.internal")


@pytest.mark.parametrize("host", OWN)
def test_numbers_and_private_names_are_nobody_elses(host: str) -> None:
    assert allowed(Hosts(), host) == 200
    assert allowed(Hosts(), host, f"http://{host}") == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8880", "evillocal.example", "", "[::1"]
)
def test_other_names_must_be_given(host: str) -> None:
    assert allowed(Hosts(), host, f"http://{host}") == 421
    assert allowed(Hosts(["speech.example"]), "Speech.Example:8880", "https://speech.example:8880") == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1.evil.example:8880", "null", ""]
)
def test_a_page_from_elsewhere_is_refused(origin: str) -> None:
    assert allowed(Hosts(), "127.0.0.1:8880", origin) == 403
    assert allowed(Hosts(any_name=True), "127.0.0.1:8880", origin) == 403


def test_behind_a_proxy_the_page_has_the_proxys_name() -> None:
    assert allowed(Hosts(["speech.example"]), "127.0.0.1:8880", "https://speech.example") == 200


def test_where_callers_show_tokens_any_name_will_do() -> None:
    assert allowed(Hosts(any_name=True), "speech.example", "https://speech.example") == 200


FOREIGN = {"another page": {"Origin": "http://evil.example"}, "another name": {"Host": "evil.example"}}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
async def test_nothing_is_answered_to_them(door: Open, headers: dict[str, str]) -> None:
    for path in ("/", "/v1/models", "/v1/audio/voices"):
        async with door.session.get(f"{door.url}{path}", headers=headers) as response:
            assert response.status in (403, 421)
            assert "error" in await response.json()
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await door.session.ws_connect(f"{door.url}/v1/websocket", headers=headers)
    async with door.session.post(f"{door.url}/v1/audio/voices", headers=headers, data={"name": "eve"}) as response:
        assert response.status in (403, 421)
    assert door.engine.cloned == []


async def test_a_name_that_was_given_is_answered_to() -> None:
    async with (
        open_door({"hosts": ("speech.example",)}) as door,
        door.session.get(f"{door.url}/health", headers={"Host": "speech.example"}) as response,
    ):
        assert response.status == 200
