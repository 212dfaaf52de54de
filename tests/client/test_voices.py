"""Creating and deleting voices through the client, against the real service over a scripted engine."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import grpc
import numpy as np
import pytest

from client import Client, ClientError, Encoding, InvalidArgument, ServerBusy, Unsupported
from tests.client.fake_server import FakeServer
from tests.fakes import speech_of_text
from tests.recordings import Cloning, recording
from tests.service.conftest import serve_scripted


@pytest.mark.parametrize("as_file", [True, False])
async def test_a_voice_is_created_speaks_and_is_deleted(tmp_path: Path, as_file: bool) -> None:
    audio = recording(10.0)
    file = tmp_path / "mary.wav"
    file.write_bytes(audio)
    async with serve_scripted() as served, Client(served.address) as client:
        created = await client.create_voice("mary", file if as_file else audio, "Me.")
        assert (created.voice.name, created.voice.description, created.warnings) == ("mary", "Me.", ())
        assert served.engine.cloned[0].audio == audio
        assert {voice.name: voice.built_in for voice in await client.voices()}["mary"] is False
        options = {"voice": "mary", "language": "de", "seed": 3, "encoding": Encoding.F32}
        async with client.utterance(**options) as utterance:  # type: ignore[arg-type]
            await utterance.push("Hello.")
            await utterance.end()
            heard = np.concatenate([chunk.samples async for chunk in utterance])
        np.testing.assert_array_equal(heard, speech_of_text("Hello.", seed=3, voice="mary"))
        assert utterance.started
        assert utterance.started.language == "de"
        await client.delete_voice("mary")
        assert "mary" not in [voice.name for voice in await client.voices()]


async def test_warnings_about_the_recording_are_told() -> None:
    async with serve_scripted() as served, Client(served.address) as client:
        assert (await client.create_voice("mary", recording(peak=1.0))).warnings == ("the recording is clipped",)


async def test_refusals_say_what_to_do() -> None:
    async with serve_scripted() as served, Client(served.address) as client:
        for name, audio, words in (
            ("../mary", recording(), "no name for a voice"),
            ("anna", recording(), "'anna' exists"),
            ("mary", b"GIF89a", "no audio file"),
            ("mary", b"", "is empty"),
        ):
            with pytest.raises(InvalidArgument, match=words) as caught:
                await client.create_voice(name, audio)
            assert caught.value.violations
        for name in ("nobody", "anna"):
            with pytest.raises(InvalidArgument, match=name):
                await client.delete_voice(name)
        with pytest.raises(InvalidArgument, match="unknown language 'tlh'"):
            _ = [chunk async for chunk in client.say("Hello.", language="tlh")]


async def test_a_server_that_cannot_clone_says_so() -> None:
    async with serve_scripted(cloning=None) as served, Client(served.address) as client:
        with pytest.raises(Unsupported, match="creates no voices") as caught:
            await client.create_voice("mary", recording())
        assert caught.value.code is grpc.StatusCode.UNIMPLEMENTED


async def test_of_a_file_beyond_the_limit_not_more_than_that_is_read(tmp_path: Path) -> None:
    file = tmp_path / "film.wav"
    with file.open("wb") as film:
        film.truncate(1 << 40)
    async with serve_scripted(max_recording_bytes=1 << 20) as served, Client(served.address) as client:
        with pytest.raises(InvalidArgument, match="more than 1048576 bytes"):
            await client.create_voice("mary", file)


async def test_the_reason_arrives_although_the_upload_was_not_over() -> None:
    """A refusal in mid-upload: gRPC's write fails first, in its own words, and must not hide why."""
    async with serve_scripted() as served, Client(served.address) as client:
        for _ in range(20):
            with pytest.raises(InvalidArgument, match="no name for a voice"):
                await client.create_voice("../mary", bytes(64 << 20))


async def test_a_busy_server_says_when_to_try_again() -> None:
    async with (
        serve_scripted(cloning=Cloning(takes_s=0.5), max_new_voices=1) as served,
        Client(served.address) as client,
    ):
        first = asyncio.create_task(client.create_voice("a", recording()))
        while not served.engine.cloned:
            await asyncio.sleep(0.01)
        with pytest.raises(ServerBusy) as caught:
            await client.create_voice("b", recording())
        assert caught.value.retry_after_s == 5.0
        assert (await first).voice.name == "a"


async def test_a_cancelled_creation_leaves_no_voice() -> None:
    gate = threading.Event()
    async with serve_scripted(cloning=Cloning(gate=gate)) as served, Client(served.address) as client:
        creating = asyncio.create_task(client.create_voice("mary", recording()))
        while not served.engine.cloned:
            await asyncio.sleep(0.01)
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
        await asyncio.sleep(0.3)  # the server knows
        gate.set()
        async with asyncio.timeout(5):
            while served.engine.deleted != ["mary"]:
                await asyncio.sleep(0.02)


async def test_a_file_that_cannot_be_read_is_said(server: FakeServer, tmp_path: Path) -> None:
    async with Client(server.address) as client:
        with pytest.raises(ClientError, match="cannot read"):
            await client.create_voice("mary", tmp_path)
    assert not server.uploaded
