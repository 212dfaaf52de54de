"""Requests exactly as programs of that world send them, and their answers as those programs read them.

Open WebUI 0.12.4 (routers/audio.py), SillyTavern (tts/openai-compatible.js, then its server), wyoming_openai 0.4.1 and
LiveKit's openai plug-in, the last two through the `openai` package 3.57.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from dataclasses import dataclass

from tests.doors.decoding import decoded
from tests.doors.http.conftest import Open, open_door


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def send(door: Open, head: str, body: str = "") -> Answer:
    """Byte for byte, over a connection of its own."""
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    length = [f"Content-Length: {len(body.encode())}"] if body else []
    writer.write(("\r\n".join([*head.strip().split("\n"), *length, "Connection: close"]) + "\r\n\r\n" + body).encode())
    answer = await reader.read()
    writer.close()
    first, _, rest = answer.partition(b"\r\n\r\n")
    status, *lines = first.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(status.split()[1]), headers, _joined(rest) if "transfer-encoding" in headers else rest)


def _joined(chunked: bytes) -> bytes:
    body = b""
    while chunked:
        size, _, chunked = chunked.partition(b"\r\n")
        body, chunked = body + chunked[: int(size, 16)], chunked[int(size, 16) + 2 :]
    return body


async def test_open_webui_stores_what_comes_as_mp3(door: Open) -> None:
    head = """POST /v1/audio/speech HTTP/1.1
Host: localhost:8880
Content-Type: application/json
Authorization: Bearer sk-none
X-OpenWebUI-User-Name: Someone
Accept: */*
Accept-Encoding: gzip, deflate
User-Agent: Python/3.11 aiohttp/3.13.2"""
    answer = await send(door, head, '{"input": "A sentence of the answer.", "voice": "alloy", "model": "tts-1"}')
    assert (answer.status, answer.headers["content-type"]) == (200, "audio/mpeg")
    assert len(decoded(answer.body)[0]) > 24_000


async def test_open_webui_shows_the_text_of_an_error(door: Open) -> None:
    head = "POST /v1/audio/speech HTTP/1.1\nHost: x\nContent-Type: application/json\nAuthorization: Bearer sk-none"
    answer = await send(door, head, '{"input": "Hello.", "voice": "bob", "model": "tts-1"}')
    assert answer.status == 400
    assert "available: anna" in json.loads(answer.body)["error"]["message"]


async def test_open_webui_lists_voices_and_models_without_its_key(door: Open) -> None:
    for path, name in (("/v1/audio/voices", "voices"), ("/v1/audio/models", "models")):
        answer = await send(door, f"GET {path} HTTP/1.1\nHost: x\nAccept: */*\nAccept-Encoding: gzip, deflate")
        assert answer.status == 200
        assert all(isinstance(one["id"], str) for one in json.loads(answer.body)[name])


async def test_sillytavern(door: Open) -> None:
    head = """POST /v1/audio/speech HTTP/1.1
Host: 127.0.0.1:8880
Content-Type: application/json
Authorization: Bearer
User-Agent: node-fetch
Accept: */*
Accept-Encoding: gzip, deflate, br"""
    body = {"model": "tts-1", "input": "*She nods.* Yes.", "voice": "karl", "response_format": "mp3", "speed": 1}
    answer = await send(door, head, json.dumps(body))
    assert answer.status == 200
    assert len(decoded(answer.body)[0]) > 10_000


async def test_wyoming_openai_reads_a_wav_from_a_stream(door: Open) -> None:
    head = """POST /v1/audio/speech HTTP/1.1
Host: 127.0.0.1:8880
Accept: application/octet-stream
Content-Type: application/json
User-Agent: AsyncOpenAI/Python 3.57.0
X-Stainless-Lang: python
X-Stainless-Raw-Response: stream
X-Stainless-Retry-Count: 0
X-Stainless-Read-Timeout: 600
Authorization: Bearer sk-none"""
    body = {"input": "The light is on.", "model": "tts-1", "voice": "nova", "response_format": "wav", "speed": 1.0}
    answer = await send(door, head, json.dumps(body))
    assert answer.status == 200
    with wave.open(io.BytesIO(answer.body)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (24_000, 2, 1)
        assert len(file.readframes(file.getnframes())) == len(answer.body) - 44


async def test_livekit_reads_events_and_warms_up_first(door: Open) -> None:
    warm_up = await send(door, "GET / HTTP/1.1\nHost: localhost:8880")
    assert warm_up.status == 200
    head = """POST /v1/audio/speech HTTP/1.1
Host: 127.0.0.1:8880
Accept: application/octet-stream
Content-Type: application/json
Authorization: Bearer sk-none"""
    body = {
        "input": "How can I help?",
        "model": "gpt-4o-mini-tts",
        "voice": "ash",
        "instructions": "Be kind.",
        "response_format": "mp3",
        "speed": 1.0,
        "stream_format": "sse",
    }
    answer = await send(door, head, json.dumps(body))
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-request-id"]
    events = [json.loads(line.removeprefix("data: ")) for line in answer.body.decode().split("\n\n") if line]
    assert events[-1]["type"] == "speech.audio.done"
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert len(decoded(audio)[0]) > 10_000


async def test_a_key_of_nothing_is_taken_where_none_is_wanted() -> None:
    """Several programs send `Authorization: Bearer` and an empty key when nobody entered one."""
    async with open_door() as door:
        head = "POST /v1/audio/speech HTTP/1.1\nHost: x\nContent-Type: application/json\nAuthorization: Bearer "
        assert (await send(door, head, '{"input": "Hello.", "voice": "anna"}')).status == 200
