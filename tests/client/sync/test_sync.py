"""The client without an event loop: the same names, and a thread that comes and goes in order."""

from __future__ import annotations

import base64
import gc
import inspect
import io
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import client as with_loop
from client import ClientClosed, ClientError, FlushDone, InvalidArgument, ServerUnreachable
from client.sync import Client, Speech, Utterance
from tests.client.fake_server import FakeServer, tone

TEXT = "A sentence."
LONG = "A long sentence. " * 20
SAMPLES = round((len(TEXT) * 0.05 + 0.03) * 24_000)
ASYNC_ONLY = {"run_on_reader", "target"}


def client_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gapless")]


def public(cls: type) -> dict[str, Any]:
    return {name: member for name, member in vars(cls).items() if not name.startswith("_")}


@pytest.mark.parametrize(("ours", "theirs"), [(Client, with_loop.Client), (Utterance, with_loop.Utterance)])
def test_names_and_arguments_are_those_of_the_other_client(ours: type, theirs: type) -> None:
    names = set(public(theirs)) - ASYNC_ONLY
    assert names - {"record"} <= set(public(ours))
    for name in names:
        one, other = getattr(ours, name), getattr(theirs, name)
        if callable(other):
            assert list(inspect.signature(one).parameters) == list(inspect.signature(other).parameters), name
    assert inspect.signature(ours.__enter__)  # type: ignore[attr-defined]


def test_both_are_made_with_the_same_arguments() -> None:
    ours, theirs = (inspect.signature(cls).parameters for cls in (Client, with_loop.Client))
    assert {name: one.default for name, one in ours.items()} == {name: one.default for name, one in theirs.items()}


def test_say_gives_the_whole_audio_and_may_be_read_again(server: FakeServer) -> None:
    with Client(server.address) as client:
        speech = client.say(TEXT, encoding="pcm_f32le")
        first, again = list(speech), list(speech)
        assert first == again
        np.testing.assert_array_equal(speech.samples, tone(SAMPLES, 0, 24_000))
        assert speech.record.finished
    assert client_threads() == []


def test_say_is_not_paced_unless_asked(server: FakeServer) -> None:
    with Client(server.address) as client:
        assert list(client.say(TEXT))
        assert list(client.say(TEXT, max_lead=3))
    leads = [one.config.streaming.max_lead.seconds for one in server.requests if one.HasField("config")]
    assert leads == [0, 3]
    assert server.requests[0].config.streaming.HasField("max_lead")


def test_a_notebook_plays_it(server: FakeServer) -> None:
    with Client(server.address) as client:
        html = client.say(TEXT)._repr_html_()
    before, data, after = html.partition("base64,")[0], html.split("base64,")[1].split('"')[0], html[-10:]
    assert (before, after) == ('<audio controls src="data:audio/wav;', '"></audio>')
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="int16")
    assert rate == 24_000
    np.testing.assert_array_equal(samples, (tone(SAMPLES, 0, 24_000) * 32767).astype("<i2"))


def test_a_file(server: FakeServer, tmp_path: Any) -> None:
    with Client(server.address) as client:
        client.say(TEXT, sample_rate=8000).save(tmp_path / "said.wav")
    assert soundfile.info(tmp_path / "said.wav").samplerate == 8000


def test_chunks_are_given_out_while_the_rest_comes(server: FakeServer) -> None:
    with Client(server.address) as client:
        speech = client.say(LONG)
        chunk = next(iter(speech))
        assert chunk.seq == 0
        assert speech.record.finished is None
        speech.cancel()
        assert server.stream_over.wait(2)
        assert next(iter(speech)) is chunk


def test_forgetting_a_speech_ends_it(server: FakeServer) -> None:
    with Client(server.address) as client:
        next(iter(client.say(LONG)))
        gc.collect()
        assert server.stream_over.wait(2)


def test_closing_the_client_tells_who_listens(server: FakeServer) -> None:
    with Client(server.address) as client:
        speech = client.say(LONG)
        next(iter(speech))
    with pytest.raises(ClientClosed):
        list(speech)
    with pytest.raises(ClientClosed, match="with Client"):
        client.say(TEXT)
    with pytest.raises(ClientClosed, match="with Client"):
        client.voices()


def test_what_the_server_refuses_is_raised_where_the_audio_is_wanted(server: FakeServer) -> None:
    with Client(server.address) as client:
        speech = client.say(TEXT, voice="bob")
        for _ in range(2):
            with pytest.raises(InvalidArgument, match="available: anna, karl"):
                speech.wav  # noqa: B018


def test_text_goes_in_while_audio_comes_out(server: FakeServer) -> None:
    with Client(server.address) as client, client.utterance(seed=11) as utterance:
        chunks = iter(utterance)
        utterance.push(TEXT)
        assert next(chunks).seq == 0

        def write() -> None:
            utterance.push(" Another.")
            utterance.end()

        writer = threading.Thread(target=write)
        writer.start()
        assert [chunk.seq for chunk in chunks][-1] > 5
        writer.join()
    assert utterance.started
    assert utterance.started.seed == 11
    assert utterance.finished


def test_events_flush_and_cancel(server: FakeServer) -> None:
    with Client(server.address) as client, client.utterance() as utterance:
        utterance.push("Half")
        flush_id = utterance.flush()
        events = utterance.events()
        assert any(isinstance(event, FlushDone) and event.flush_id == flush_id for event in events)
        utterance.report_playback(played_samples=1, buffered_samples=2)
        utterance.cancel()
        assert list(utterance) == []
        assert server.stream_over.wait(2)


def test_what_a_server_tells_without_speaking(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "eva.wav").write_bytes(b"RIFF")
    client = Client(server.address)
    client.open()
    try:
        with pytest.raises(ClientError, match="was not asked"):
            client.server  # noqa: B018
        assert client.create_voice("eva", tmp_path / "eva.wav").voice.name == "eva"
        assert client.server.model == "tone"
        assert client.info().model == "tone"
        assert [voice.name for voice in client.voices()] == ["anna", "karl"]
        assert client.create_voice("eva", b"RIFF").voice.name == "eva"
        client.delete_voice("eva")
        assert client.probe_clock(2).offset_ns is not None
        assert client.on_behalf_of("secret").info().model == "tone"
        assert server.deleted == ["eva"]
    finally:
        client.close()
        client.close()
    assert client_threads() == []


def test_nobody_there_leaves_no_thread_behind() -> None:
    before = time.monotonic()
    with pytest.raises(ServerUnreachable), Client("127.0.0.1:1"):
        pass
    assert time.monotonic() - before < 2
    assert client_threads() == []


def test_a_speech_is_what_its_name_says(server: FakeServer) -> None:
    with Client(server.address) as client:
        assert isinstance(client.say(TEXT), Speech)
