"""The Wyoming door, spoken to by the protocol's own client, as Home Assistant speaks to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from wyoming.audio import AudioChunk, AudioStart
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeVoice

from gapless.client import Client, Tls
from gapless.doors.listening.errors import ListeningError
from gapless.doors.wyoming import reader
from gapless.doors.wyoming.options import Options, read_options
from gapless.doors.wyoming.server import serving
from tests.fakes import Script, ScriptedEngine
from tests.service.conftest import Served, serve_scripted

ROOT = Path(__file__).parents[3]
TEXT = "Home is where somebody answers."
KARL = SynthesizeVoice(name="karl")


@asynccontextmanager
async def door(**service: Any) -> AsyncIterator[tuple[Served, int]]:
    async with (
        serve_scripted(**service) as served,
        serving(Options(address="127.0.0.1:0", service=served.address)) as port,
    ):
        yield served, port


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[AsyncTcpClient]:
    async with AsyncTcpClient("127.0.0.1", port, read_timeout=10) as client:
        yield client


async def heard_until(client: AsyncTcpClient, last: str) -> list[Event]:
    events: list[Event] = []
    while not events or events[-1].type != last:
        event = await client.read_event()
        assert event is not None, f"no {last} after {[one.type for one in events]}"
        assert not Error.is_type(event.type) or last == "error", event.data
        events.append(event)
    return events


def pcm(events: list[Event]) -> bytes:
    return b"".join(event.payload or b"" for event in events if AudioChunk.is_type(event.type))


async def heard_by_our_client(served: Served, text: str) -> int:
    async with Client(served.address) as client:
        return sum([len(chunk.data) async for chunk in client.say(text, voice="karl")])


async def until_free(engine: ScriptedEngine) -> None:
    async with asyncio.timeout(2):
        while engine.stats().utterances:
            await asyncio.sleep(0.005)


async def test_it_tells_its_voices_and_that_it_streams() -> None:
    async with door() as (_, port), connected(port) as client:
        await client.write_event(Describe().event())
        (event,) = await heard_until(client, "info")
    (program,) = Info.from_event(event).tts
    assert program.supports_synthesize_streaming
    assert program.installed
    assert {"anna", "karl"} < {voice.name for voice in program.voices}
    assert program.voices[0].name == "anna"  # the default one, which Home Assistant takes
    assert all(voice.languages for voice in program.voices)


async def test_a_voice_is_chosen_in_each_of_its_languages_by_its_name_alone() -> None:
    """Home Assistant lists a language's voices, and sends nothing but the name of the one that was chosen."""
    async with door() as (served, port), connected(port) as client:
        await client.write_event(Describe().event())
        (program,) = Info.from_event((await heard_until(client, "info"))[-1]).tts
        offered = {language: [v.name for v in program.voices if language in v.languages] for language in ("en", "de")}
        assert set(offered["en"]) & set(offered["de"]) == set()
        for language in ("en", "de"):
            for name in offered[language]:
                if name.startswith("karl"):
                    await client.write_event(Synthesize(text=TEXT, voice=SynthesizeVoice(name=name)).event())
                    await heard_until(client, "audio-stop")
        assert [(one.voice, one.language) for one in served.engine.submitted] == [("karl", ""), ("karl", "de")]


async def test_a_whole_text_is_spoken_and_the_connection_serves_again() -> None:
    async with door() as (served, port), connected(port) as client:
        for _ in range(2):
            await client.write_event(Synthesize(text=TEXT, voice=KARL).event())
            events = await heard_until(client, "audio-stop")
            start = AudioStart.from_event(events[0])
            assert (start.rate, start.width, start.channels) == (24_000, 2, 1)
            assert {event.type for event in events[1:-1]} == {"audio-chunk"}
            assert len(pcm(events)) == await heard_by_our_client(served, TEXT)
        assert {utterance.voice for utterance in served.engine.submitted} == {"karl"}


async def test_first_audio_comes_before_the_last_word_is_sent() -> None:
    """As Home Assistant streams: pieces, then the whole text once more for servers that do not stream, then the end."""
    async with door() as (served, port), connected(port) as client:
        await client.write_event(SynthesizeStart(voice=KARL).event())
        await client.write_event(SynthesizeChunk(text="").event())  # as a language model's first delta may be
        await client.write_event(SynthesizeChunk(text="Home is where ").event())
        early = await heard_until(client, "audio-chunk")
        await client.write_event(SynthesizeChunk(text="somebody answers.").event())
        await client.write_event(Synthesize(text=TEXT, voice=KARL).event())
        await client.write_event(SynthesizeStop().event())
        events = early + await heard_until(client, "synthesize-stopped")
        assert [event.type for event in events[-2:]] == ["audio-stop", "synthesize-stopped"]
        assert len(pcm(events)) == await heard_by_our_client(served, TEXT)
        assert len(served.engine.submitted) == 2  # this one and our client's


async def test_barge_in_frees_the_engine() -> None:
    async with door(voices={"karl": Script(token_s=0.02, window_tokens=2)}) as (served, port):
        for ask in (Synthesize(text="word " * 50, voice=KARL), SynthesizeStart(voice=KARL)):
            async with connected(port) as client:
                await client.write_event(ask.event())
                if isinstance(ask, SynthesizeStart):
                    await client.write_event(SynthesizeChunk(text="word " * 50).event())
                await heard_until(client, "audio-chunk")
                assert served.engine.stats().utterances == 1
            await until_free(served.engine)


WRONG: dict[str, list[Event]] = {
    "an unknown voice": [Synthesize(text=TEXT, voice=SynthesizeVoice(name="bob")).event()],
    "nothing to speak": [Synthesize(text=" ").event()],
    "no text": [Event(type="synthesize")],
    "a text that is none": [Event(type="synthesize", data={"text": 5})],
    "a voice that is none": [Event(type="synthesize", data={"text": TEXT, "voice": 5})],
    "a name that is none": [Event(type="synthesize", data={"text": TEXT, "voice": {"name": ["karl"]}})],
    "a language that there is not": [Synthesize(text=TEXT, voice=SynthesizeVoice(name="karl@tlh")).event()],
    "a format that there is not": [Synthesize(text=TEXT, text_format="pdf").event()],
    "a piece without a start": [SynthesizeChunk(text=TEXT).event()],
    "an end without a start": [SynthesizeStop().event()],
    "a broken engine": [Synthesize(text="Long enough for chunks.", voice=SynthesizeVoice(name="broken")).event()],
    "two at once": [SynthesizeStart(voice=KARL).event(), SynthesizeStart(voice=KARL).event()],
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_is_wrong_is_told_and_the_connection_closed(what: str) -> None:
    """Home Assistant does not look at errors, and waits for ever on a connection that stays open."""
    async with door() as (served, port):
        async with connected(port) as client:
            for event in WRONG[what]:
                await client.write_event(event)
            error = Error.from_event((await heard_until(client, "error"))[-1])
            assert error.text
            assert error.code
            while await client.read_event() is not None:
                pass
        await until_free(served.engine)
        async with connected(port) as client:
            await client.write_event(Synthesize(text=TEXT, voice=KARL).event())
            assert pcm(await heard_until(client, "audio-stop"))


BYTES = {
    "no JSON": b"GET / HTTP/1.1\r\n\r\n",
    "JSON that is no object": b"[]\n",
    "an event without a type": b"{}\n",
    "an event without an end": b'{"type": "synthesize", "data_length": 100}\n{',
    "an event of a gigabyte": json.dumps({"type": "synthesize", "data_length": 1 << 30}).encode() + b"\n",
    "a line without an end": b"a" * 100_000,
}


@pytest.mark.parametrize("what", BYTES)
async def test_what_is_no_event_is_told_and_ends_its_connection_only(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "SILENCE_S", 0.2)
    async with door() as (_, port):
        stream, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(BYTES[what])
        async with asyncio.timeout(5):
            said = await stream.readline()
            assert json.loads(said)["type"] == "error"
            with contextlib.suppress(ConnectionError):  # what it did not read of ours resets the connection
                assert b"audio" not in await stream.read()
        writer.close()
        async with connected(port) as client:
            await client.write_event(Synthesize(text=TEXT, voice=KARL).event())
            assert pcm(await heard_until(client, "audio-stop"))


async def test_it_listens_on_this_machine_only_unless_somebody_insists() -> None:
    with pytest.raises(ListeningError, match="neither TLS nor tokens"):
        async with serving(Options(address="0.0.0.0:0")):
            pass


async def test_a_service_that_is_gone_is_told() -> None:
    async with serving(Options(address="127.0.0.1:0", service="127.0.0.1:1")) as port, connected(port) as client:
        await client.write_event(Synthesize(text=TEXT).event())
        assert Error.from_event((await heard_until(client, "error"))[-1]).code == "unreachable"


async def test_as_a_process() -> None:
    async with serve_scripted() as served:
        command = ["-m", "gapless.doors.wyoming", "--address", "127.0.0.1:0", "--service", served.address]
        process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=PIPE)
        assert process.stdout is not None
        ready = re.fullmatch(
            rb"gapless-wyoming: tcp://127\.0\.0\.1:(\d+) speaks for \S+\n", await process.stdout.readline()
        )
        assert ready
        async with connected(int(ready[1])) as client:
            await client.write_event(Synthesize(text=TEXT, voice=KARL).event())
            assert pcm(await heard_until(client, "audio-stop"))
        process.terminate()
        assert await process.wait() == 0


def test_options(tmp_path: Path) -> None:
    assert read_options([], {}) == Options()
    assert Options().address == "127.0.0.1:10200"
    (tmp_path / "token").write_text("secret\n")
    flags = ["--insecure", "--service-tls-ca", "ca", "--service-token-file", str(tmp_path / "token")]
    read = read_options(flags, {"GAPLESS_WYOMING_ADDRESS": "[::1]:0", "GAPLESS_WYOMING_SERVICE": "h:1"})
    assert (read.address, read.service, read.insecure, read.service_token) == ("[::1]:0", "h:1", True, "secret")
    assert read.service_tls == Tls(ca=Path("ca"))
    assert "secret" not in repr(read)
    (tmp_path / "token").write_text("two words")
    with pytest.raises(ListeningError, match="one token"):
        read_options(flags, {})
