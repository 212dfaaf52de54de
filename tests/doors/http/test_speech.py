"""POST /v1/audio/speech: every format, both forms of streaming, and what happens when somebody leaves."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import aiohttp
import numpy as np
import pytest

from gapless.client import Client
from gapless.doors.encoders.mp3 import DELAY_SAMPLES
from gapless.doors.http.formats import FORMATS
from tests.doors.decoding import decoded, decoded_flac, delay, spectral_distance_db
from tests.doors.http.conftest import Open, open_door
from tests.fakes import Script
from tests.service.conftest import VOICES

TEXT = "What was said is what is heard. It is said in pieces."
TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm"}
FRAMES = {"mp3": 576, "opus": 480}  # samples


async def heard_by_our_client(door: Open, **options: Any) -> bytes:
    async with Client(door.served.address) as client:
        return b"".join([chunk.data async for chunk in client.say(TEXT, voice="anna", sample_rate=24_000, **options)])


async def events_of(response: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    assert response.content_type == "text/event-stream"
    lines = (await response.text()).split("\n\n")
    assert lines.pop() == ""
    return [json.loads(line.removeprefix("data: ")) for line in lines]


@pytest.mark.parametrize("name", FORMATS)
async def test_every_format_is_what_our_client_hears(door: Open, name: str) -> None:
    spoken = np.frombuffer(await heard_by_our_client(door, seed=3), "<i2")
    async with door.speak(input=TEXT, response_format=name, seed=3) as response:
        file = await response.read()
    assert (response.status, response.content_type) == (200, TYPES[name])
    assert response.headers["X-Gapless-Seed"] == "3"
    assert len(response.headers["X-Request-Id"]) == 32
    if name == "pcm":
        assert file == spoken.tobytes()
        return
    heard = decoded_flac(file, len(spoken)) if name == "flac" else decoded(file)[0]
    if name not in FRAMES:
        np.testing.assert_array_equal(heard, spoken)
        return
    behind = DELAY_SAMPLES if name == "mp3" else 0
    assert 0 <= len(heard) - behind - len(spoken) < FRAMES[name]
    lag = delay(heard.astype(np.float32), spoken.astype(np.float32), 2000)
    assert spectral_distance_db(heard[lag:].astype(np.float32), spoken.astype(np.float32)) < 4.0


async def test_mp3_is_what_comes_where_nobody_asks(door: Open) -> None:
    async with door.speak() as response:
        assert response.content_type == "audio/mpeg"
        assert (await response.read())[:2] == b"\xff\xf3"


async def test_events_carry_the_same_audio(door: Open) -> None:
    async with door.speak(input=TEXT, response_format="pcm", seed=3, stream_format="sse") as response:
        events = await events_of(response)
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert audio == await heard_by_our_client(door, seed=3)
    usage = events[-1]["usage"]
    assert events[-1]["type"] == "speech.audio.done"
    assert usage["input_tokens"] == len(TEXT)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > len(TEXT)


async def test_what_is_asked_for_reaches_the_engine(door: Open) -> None:
    fields = {
        "voice": {"id": "karl"},
        "seed": 2**64 - 1,
        "temperature": 0.5,
        "language": "de",
        "response_format": "pcm",
    }
    async with door.speak(**fields) as response:
        await response.read()
    asked = door.engine.submitted[-1]
    assert (asked.voice, asked.seed, asked.language, asked.sampling) == ("karl", 2**64 - 1, "de", {"temperature": 0.5})


async def test_speed_is_the_speaking_rate() -> None:
    async with open_door(has_speaking_rate=True) as door:
        for speed in (0.5, 1, 2.0):
            async with door.speak(speed=speed, response_format="pcm") as response:
                assert (response.status, len(await response.read()) > 0) == (200, True)
        assert [asked.speaking_rate for asked in door.engine.submitted] == [0.5, 1.0, 2.0]


async def test_what_does_not_act_is_said(door: Open) -> None:
    async with door.speak(exaggeration=0.7, provider_endpoint="x", instructions="Whisper.") as response:
        await response.read()
    assert response.status == 200
    assert "exaggeration" in response.headers["X-Gapless-Warning"]
    assert response.headers["X-Gapless-Ignored"] == "'provider_endpoint', 'instructions'"


async def test_first_bytes_come_while_the_rest_is_spoken() -> None:
    async with open_door(voices={**VOICES, "slow": Script(token_s=0.05, window_tokens=2)}) as door:
        for name in FORMATS:
            began_s = time.monotonic()
            async with door.speak(voice="slow", response_format=name, input="A longer sentence of words.") as response:
                await response.content.readany()
                first_s = time.monotonic() - began_s
                await response.read()
            assert first_s < (time.monotonic() - began_s) / 3, name


async def test_a_client_that_leaves_frees_the_engine() -> None:
    async with open_door(voices={"slow": Script(token_s=0.05, window_tokens=2)}) as door:
        async with door.speak(voice="slow", response_format="pcm", input="word " * 100) as response:
            await response.content.readany()
            assert door.engine.stats().utterances == 1
            response.close()
        async with asyncio.timeout(2):
            while door.engine.stats().utterances:
                await asyncio.sleep(0.005)


async def test_a_client_that_leaves_before_the_first_chunk_frees_the_engine() -> None:
    async with open_door(voices={"mute": Script(hang_at_chunk=0)}) as door:
        asking = asyncio.ensure_future(door.speak(voice="mute"))
        async with asyncio.timeout(2):
            while not door.engine.stats().utterances:
                await asyncio.sleep(0.005)
            asking.cancel()
            while door.engine.stats().utterances:
                await asyncio.sleep(0.005)


async def test_a_failure_in_the_middle_is_no_whole_file(door: Open) -> None:
    async with door.speak(voice="broken", input="Long enough for chunks.", response_format="pcm") as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_a_failure_in_the_middle_is_an_event(door: Open) -> None:
    async with door.speak(voice="broken", input="Long enough for chunks.", stream_format="sse") as response:
        events = await events_of(response)
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["code"] == "server_error"


async def test_many_at_once_each_hear_their_own(door: Open) -> None:
    async def say(seed: int) -> bytes:
        async with door.speak(input=TEXT, response_format="pcm", seed=seed) as response:
            return bytes(await response.read())

    heard = await asyncio.gather(*map(say, range(4)))
    assert len(set(heard)) == 4
    assert heard[3] == await heard_by_our_client(door, seed=3)
