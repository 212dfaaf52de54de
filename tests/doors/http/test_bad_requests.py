"""Requests that are wrong: OpenAI's error says what, the service hears of none that it need not, and nobody is hurt."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import aiohttp
import pytest

from tests.doors.http.conftest import Open, open_door
from tests.fakes import Script

GOOD = {"input": "Hello.", "model": "tts-1", "voice": "anna", "response_format": "pcm"}
JSON = {"Content-Type": "application/json"}

# (what is asked for, the status, the param that the error names)
WRONG: dict[str, tuple[dict[str, Any], int, str | None]] = {
    "no input": ({"input": None}, 400, "input"),
    "an input that is no text": ({"input": 7}, 400, "input"),
    "an input that is a list": ({"input": ["a"]}, 400, "input"),
    "an empty input": ({"input": ""}, 400, "input"),
    "nothing to speak": ({"input": "   "}, 400, "input"),
    "only marks": ({"input": "..."}, 400, "input"),
    "only control characters": ({"input": "\u0000"}, 400, "input"),
    "half a character": ({"input": "\ud800"}, 400, "input"),
    "too much text": ({"input": "word " * 5000}, 400, "input"),
    "half a character as voice": ({"voice": "\ud800"}, 400, "voice"),
    "half a character as language": ({"language": "\ud800"}, 400, "language"),
    "an unknown voice": ({"voice": "bob"}, 400, "voice"),
    "a voice that is a number": ({"voice": 3}, 400, "voice"),
    "a voice without id": ({"voice": {"name": "anna"}}, 400, "voice"),
    "a voice whose id is no text": ({"voice": {"id": 3}}, 400, "voice"),
    "an unknown format": ({"response_format": "aac"}, 400, "response_format"),
    "a format that is no text": ({"response_format": 1}, 400, "response_format"),
    "an unknown stream format": ({"stream_format": "websocket"}, 400, "stream_format"),
    "another speed": ({"speed": 1.5}, 400, "speed"),
    "a speed that nobody has": ({"speed": 4}, 400, "speed"),
    "a format of text that there is not": ({"text_format": "pdf"}, 400, "text_format"),
    "a speed that is no number": ({"speed": "fast"}, 400, "speed"),
    "a negative seed": ({"seed": -1}, 400, "seed"),
    "a seed that is too large": ({"seed": 2**64}, 400, "seed"),
    "a seed that is no whole number": ({"seed": 1.5}, 400, "seed"),
    "a temperature out of range": ({"temperature": 9}, 400, "temperature"),
    "a temperature that is no number": ({"temperature": True}, 400, "temperature"),
    "an enormous number": ({"cfg_weight": 1e300}, 400, "cfg_weight"),
    "an exaggeration out of range": ({"exaggeration": -1}, 400, "exaggeration"),
    "a language of no use": ({"language": "tlh"}, 400, "language"),
    "a model that is no text": ({"model": {}}, 400, "model"),
    "instructions that are no text": ({"instructions": 5}, 400, "instructions"),
}
BODIES = {
    "no JSON": (b"{", JSON, 400),
    "JSON that is no object": (b"[]", JSON, 400),
    "JSON that is too deep": (b"[" * 100_000, JSON, 400),
    "no text at all": (b"\xff\xfe", JSON, 400),
    "nothing": (b"", JSON, 400),
    "another type": (json.dumps(GOOD).encode(), {"Content-Type": "text/plain"}, 415),
    "a body that is too large": (b'"' + b"a" * (1 << 20) + b'"', JSON, 413),
}


async def error_of(response: aiohttp.ClientResponse) -> dict[str, Any]:
    content = await response.json()
    assert content.keys() == {"error"}
    assert content["error"].keys() == {"message", "type", "param", "code"}
    return dict(content["error"])


async def say(door: Open) -> bytes:
    async with door.speak(**GOOD, seed=1) as response:
        return bytes(await response.read())


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_field_is_named(door: Open, what: str) -> None:
    fields, status, param = WRONG[what]
    async with door.speak(**{**GOOD, **fields}) as response:
        error = await error_of(response)
    assert (response.status, error["param"], error["type"]) == (status, param, "invalid_request_error"), error
    assert error["message"]
    assert len(await say(door)) > 0


@pytest.mark.parametrize("what", BODIES)
async def test_a_wrong_body_is_refused(door: Open, what: str) -> None:
    body, headers, status = BODIES[what]
    async with door.session.post(f"{door.url}/v1/audio/speech", data=io.BytesIO(body), headers=headers) as response:
        assert (response.status, (await error_of(response))["type"]) == (status, "invalid_request_error")
    assert door.engine.submitted == []
    assert len(await say(door)) > 0


async def test_paths_and_methods_that_are_not_there(door: Open) -> None:
    for method, path, status in (("GET", "/v1", 404), ("GET", "/v1/audio/speech", 405), ("POST", "/v1/chat", 404)):
        async with door.session.request(method, door.url + path) as response:
            assert response.status == status
            await error_of(response)


async def test_others_do_not_notice() -> None:
    """All of the above at once, beside somebody who listens."""
    async with open_door(voices={"anna": Script(token_s=0.01)}, max_utterances=40) as door:

        async def ask(fields: dict[str, Any]) -> int:
            async with door.speak(**{**GOOD, **fields}) as response:
                await response.read()
                return int(response.status)

        alone = await say(door)
        beside, *statuses = await asyncio.gather(say(door), *(ask(fields) for fields, _, _ in WRONG.values()))
        assert beside == alone
        assert set(statuses) == {400}


async def test_a_full_service_is_told_with_the_time_to_wait() -> None:
    async with (
        open_door(voices={"slow": Script(token_s=0.05)}, max_utterances=1) as door,
        door.speak(voice="slow", response_format="pcm") as first,
    ):
        await first.content.readany()
        async with door.speak(voice="slow") as second:
            error = await error_of(second)
    assert second.status == 429
    assert error["code"] == "rate_limit_exceeded"
    assert second.headers["Retry-After"] == "1"
    assert second.headers["Retry-After-Ms"] == "500"


async def test_a_service_that_is_gone_is_told() -> None:
    async with open_door() as door:
        at_once = asyncio.Event()
        at_once.set()
        await door.served.server.stop(at_once)
        async with door.speak() as response:
            assert response.status == 503
            assert (await error_of(response))["code"] == "service_unavailable"
        async with door.session.get(f"{door.url}/health") as response:
            assert response.status == 503


async def test_a_broken_engine_is_told_without_its_secrets() -> None:
    async with open_door(voices={"broken": Script(fail_at_chunk=0)}) as door, door.speak(voice="broken") as response:
        error = await error_of(response)
    assert (response.status, error["type"]) == (500, "server_error")
    assert "scripted" not in error["message"]
