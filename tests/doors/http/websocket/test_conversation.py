"""The protocol of docs/browser.md, over a real socket."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from typing import Any

import aiohttp
import numpy as np
import pytest

from client._opus import PacketDecoder, split
from gapless.doors.encoders import opus
from gapless.doors.http.websocket.incoming import MAX_MESSAGE_BYTES
from tests.doors.decoding import delay, spectral_distance_db
from tests.doors.http.conftest import Open, open_door
from tests.doors.http.websocket.conftest import Socket, connected, samples_of
from tests.fakes import speech_of_text


async def test_text_in_pieces_is_spoken_and_told_in_order() -> None:
    async with open_door(has_alignment=True) as door, connected(door) as socket:
        heard = await socket.say("Hello the", "re, wor", "ld.", voice="anna", seed=7, words=True)
    kinds = [one["type"] for one in heard]
    assert kinds[0] == "started"
    assert kinds[-1] == "finished"
    assert heard[0]["seed"] == "7"
    spoken = speech_of_text("Hello there, world.", seed=7, voice="anna")
    assert np.abs(samples_of(heard) / 32767 - spoken).max() < 1e-4
    audio = [one for one in heard if one["type"] == "audio"]
    assert [one["seq"] for one in audio] == list(range(len(audio)))
    assert all(one["first_sample"] == sum(two["num_samples"] for two in audio[: one["seq"]]) for one in audio)
    assert all(len(one["data"]) == 2 * one["num_samples"] for one in audio)
    assert {(one["text_begin"], one["text_end"]) for one in audio} == {(0, 5), (6, 12), (13, 19)}
    words = [word for one in heard if one["type"] == "words" for word in one["words"]]
    assert [word["word"] for word in words] == ["Hello", "there,", "world."]
    assert all(one["utterance"] == 1 for one in heard)


async def test_packets_of_opus_are_passed_on_as_they_came(door: Open) -> None:
    async with connected(door) as socket:
        heard = await socket.say("Hello there.", voice="anna", seed=7, encoding="opus", sample_rate=24_000)
    started, spoken = heard[0], speech_of_text("Hello there.", seed=7, voice="anna")
    assert started["encoding"] == "opus"
    decoder, decoded, sent = PacketDecoder(24_000, started["pre_skip_samples"]), b"", 0
    for one in heard:
        if one["type"] == "audio":
            sent += len(one["data"])
            packets = split(one["data"], one["packet_bytes"])
            decoded += decoder.decode(packets, one["num_samples"], one["end_of_segment"])
    samples = (np.frombuffer(decoded, np.int16) / 32768).astype(np.float32)
    assert len(samples) == len(spoken)
    assert delay(samples, spoken, 480) == 0
    assert spectral_distance_db(samples, spoken) < 6.0
    assert sent < 2 * len(samples) / 6


async def test_stage_timings_are_instants_in_order(door: Open) -> None:
    async with connected(door) as socket:
        before_ms = 1e3 * time.time()
        heard = await socket.say("Hello.")
    timings = next(one["timings"] for one in heard if one["type"] == "audio")
    names = ("text_received_ms", "t3_start_ms", "t3_last_token_ms", "flow_end_ms", "vocoder_end_ms", "write_start_ms")
    instants = [timings[name] for name in names]
    assert instants == sorted(instants)
    assert before_ms - 50 < instants[0]
    assert instants[-1] < 1e3 * time.time() + 50


async def test_ready_tells_what_there_is(door: Open) -> None:
    async with door.session.ws_connect(f"{door.url}/v1/websocket") as ws:
        socket = Socket(ws)
        await socket.send("hello")
        ready = await socket.hear()
    assert ready["native_sample_rate"] == 24_000
    assert ready["encodings"] == ["pcm_s16le", "pcm_f32le", "opus"]
    assert {"name": "anna", "is_default": True}.items() <= next(v for v in ready["voices"] if v["is_default"]).items()
    assert ready["features"]["voice_cloning"] is True
    assert ready["limits"]["max_text_chars"] > 0


async def test_a_door_without_libopus_says_so(door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "why_not", lambda: "libopus is not installed on this machine")
    async with door.session.ws_connect(f"{door.url}/v1/websocket") as ws:
        socket = Socket(ws)
        await socket.send("hello")
        assert (await socket.hear())["encodings"] == ["pcm_s16le", "pcm_f32le"]


async def test_one_utterance_after_the_other(door: Open) -> None:
    async with connected(door) as socket:
        for number in (1, 2):
            heard = await socket.say("Hello.", sample_rate=16_000)
            assert {one["utterance"] for one in heard} == {number}
            assert heard[0]["sample_rate"] == 16_000


async def test_a_flush_speaks_what_came_and_is_told(door: Open) -> None:
    async with connected(door) as socket:
        await socket.send("start")
        await socket.send("text", text="Hello")
        await socket.send("flush")
        heard = await socket.until("flushed")
        assert heard[-1]["end_sample"] == len(samples_of(heard)) > 0
        await socket.send("end")
        await socket.until("finished")


async def test_barge_in_ends_the_speech_and_frees_its_place() -> None:
    async with open_door(max_utterances=1) as door, connected(door) as socket:
        await socket.send("start", voice="slow")
        await socket.send("text", text="word " * 100)
        await socket.until("audio")
        await socket.send("cancel", played_samples=1920)
        asked_s = time.monotonic()
        heard = await socket.until("finished")
        assert time.monotonic() - asked_s < 1
        assert heard[-1]["stopped"] is True
        assert door.engine.playbacks[-1].played_samples == 1920
        heard = await socket.say("Hello.")  # nothing of the first one comes any more
        assert {one["utterance"] for one in heard} == {2}
        assert heard[-1]["stopped"] is False


async def test_where_the_listener_is_goes_on_to_the_service(door: Open) -> None:
    async with connected(door) as socket:
        await socket.send("start", voice="slow")
        await socket.send("text", text="word word ")
        await socket.until("audio")
        await socket.send("playback", played_samples=480, buffered_samples=20, underruns=1, underrun_ms=12.5)
        await socket.send("end")
        await socket.until("finished")
    assert [one.played_samples for one in door.engine.playbacks] == [480]


async def test_a_page_that_leaves_stops_its_speech() -> None:
    async with open_door(max_utterances=1) as door:
        async with connected(door) as socket:
            await socket.send("start", voice="stuck")
            await socket.send("text", text="word " * 100)
            await socket.until("audio")
        async with asyncio.timeout(3):
            while door.engine.stats().utterances:
                await asyncio.sleep(0.01)


WRONG = {
    "no json": ("{", "invalid_json", None),
    "a list": ("[]", "invalid_json", None),
    "deep": ("[" * 100_000, "invalid_json", None),
    "no type": ("{}", "invalid_value", "type"),
    "an unknown type": ('{"type": "sing"}', "invalid_value", "type"),
    "an unknown field": ('{"type": "end", "now": true}', "invalid_value", "now"),
    "text first": ('{"type": "text", "text": "Hello"}', "invalid_value", "type"),
    "a second hello": ('{"type": "hello"}', "invalid_value", "type"),
    "a number as text": ('{"type": "text", "text": 1}', "invalid_value", "text"),
    "no text": ('{"type": "text"}', "missing_required_parameter", "text"),
    "a word as number": ('{"type": "playback", "played_samples": "1"}', "invalid_value", "played_samples"),
    "half a sample": ('{"type": "playback", "played_samples": 0.5}', "invalid_value", "played_samples"),
    "not a number": ('{"type": "playback", "underrun_ms": NaN}', "invalid_value", "underrun_ms"),
    "another encoding": ('{"type": "start", "encoding": "mp3"}', "invalid_value", "encoding"),
    "half a surrogate pair as voice": (r'{"type": "start", "voice": "\ud800"}', "invalid_value", "voice"),
    "one as language": (r'{"type": "start", "language": "\udfff"}', "invalid_value", "language"),
    "one as text format": (r'{"type": "start", "text_format": "\ud800"}', "invalid_value", "text_format"),
    "more Hz than there are": ('{"type": "start", "sample_rate": 4294967296}', "invalid_value", "sample_rate"),
    "more breaks than there are": ('{"type": "playback", "underruns": 4294967296}', "invalid_value", "underruns"),
    "a number of 5,000 digits": (f'{{"type": "start", "seed": {"9" * 5000}}}', "invalid_json", None),
    "a number beyond all": ('{"type": "start", "max_lead": 1e999}', "invalid_value", "max_lead"),
    "an unknown field that is half a pair": (r'{"type": "end", "\ud800": 1}', "invalid_value", "\ud800"),
    "an unknown type that is half a pair": (r'{"type": "\ud800"}', "invalid_value", "type"),
    "an instant before all": ('{"type": "judge", "heard": {"sent_ms": [-1]}}', "invalid_value", "sent_ms"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_message_is_refused_and_the_conversation_goes_on(door: Open, name: str) -> None:
    message, code, param = WRONG[name]
    async with connected(door) as socket:
        await socket.ws.send_str(message)
        refused = await socket.hear()
        assert refused["type"] == "error"
        assert (refused["error"]["code"], refused["error"]["param"]) == (code, param)
        assert (await socket.say("Hello."))[-1]["type"] == "finished"


async def test_what_the_service_refuses_names_the_field_and_the_utterance(door: Open) -> None:
    async with connected(door) as socket:
        await socket.send("start", voice="nobody")
        heard = await socket.until("error")
        assert heard[-1]["error"]["param"] == "voice"
        assert heard[-1]["utterance"] == 1
        await socket.send("text", text="This is late, and no error.")
        assert (await socket.say("Hello."))[-1]["type"] == "finished"


async def test_no_room_says_when_to_come_again() -> None:
    async with open_door(max_utterances=1) as door, connected(door) as first, connected(door) as second:
        await first.send("start", voice="stuck")
        await first.send("text", text="word " * 10)
        await first.until("audio")
        await second.send("start")
        await second.send("text", text="Hello.")
        refused = (await second.until("error"))[-1]
    assert refused["error"]["code"] == "rate_limit_exceeded"
    assert refused["retry_after_ms"] > 0


async def test_an_utterance_beside_another_on_one_socket_is_refused(door: Open) -> None:
    async with connected(door) as socket:
        await socket.send("start", voice="slow")
        await socket.send("start")
        refused = (await socket.until("error"))[-1]
        assert "under way" in refused["error"]["message"]
        assert "utterance" not in refused


@pytest.mark.parametrize("message", ['{"type": "start"}', "nonsense", '{"type": "hello", "token": "t\u00fcr"}'])
async def test_who_does_not_say_hello_first_is_sent_away(door: Open, message: str) -> None:
    async with door.session.ws_connect(f"{door.url}/v1/websocket") as ws:
        await ws.send_str(message)
        assert json.loads((await ws.receive(5)).data)["type"] == "error"
        assert await Socket(ws).closed() == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_binary_messages_are_refused(door: Open) -> None:
    async with connected(door) as socket:
        await socket.ws.send_bytes(b"audio?")
        assert (await socket.hear())["type"] == "error"
        assert await socket.closed() == aiohttp.WSCloseCode.UNSUPPORTED_DATA


async def test_a_message_too_large_ends_its_socket_and_no_other(door: Open) -> None:
    async with connected(door) as neighbour, connected(door) as socket:
        await socket.send("start")
        await socket.send("text", text="x" * MAX_MESSAGE_BYTES)
        assert await socket.closed() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        assert (await neighbour.say("Hello."))[-1]["type"] == "finished"


async def test_a_message_of_100_mb_is_refused_before_it_is_read(door: Open) -> None:
    async with connected(door) as neighbour, connected(door) as socket:
        connection = socket.ws._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.write(struct.pack("!BBQI", 0x81, 0xFF, 100_000_000, 0))  # the head of its frame
        assert await socket.closed() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        assert (await neighbour.say("Hello."))[-1]["type"] == "finished"


async def test_the_verdict_by_the_door_itself(door: Open) -> None:
    async with connected(door) as socket:
        await socket.say("Hello there.")
        await socket.send("judge")
        told = await socket.hear()
    assert told["type"] == "verdict"
    assert told["verdict"]["headline"]
    assert told["utterance"] == 1


def heard_by_a_page(heard: list[dict[str, Any]], ahead_ms: float, late_ms: float = 0.0) -> dict[str, Any]:
    """What a page sees whose clock is `ahead_ms` of ours and whose second chunk comes `late_ms` too late."""
    audio = [one for one in heard if one["type"] == "audio"]
    first_ms = audio[0]["timings"]["write_start_ms"] + ahead_ms
    received = [one["timings"]["write_start_ms"] + ahead_ms + 2 + (late_ms if one["seq"] else 0) for one in audio]
    sent_ms = audio[0]["timings"]["text_received_ms"] + ahead_ms - 1
    silences = [{"position": audio[1]["first_sample"], "at_ms": first_ms + 300, "missing_samples": round(24 * late_ms)}]
    return {
        "opened_ms": sent_ms - 5,
        "sent_ms": [sent_ms, sent_ms],
        "received_ms": received,
        "allowed_ms": received[0],
        "started_ms": received[0] + 5,
        "output_latency_ms": 10,
        "silences": silences if late_ms else [],
        "blocks_ms": [],
        "stalls_ms": [],
    }


@pytest.mark.parametrize(("late_ms", "hop"), [(0, "clean"), (600, "network")])
async def test_the_verdict_is_on_what_the_page_heard_whatever_its_clock_shows(
    door: Open, late_ms: float, hop: str
) -> None:
    async with connected(door) as socket:
        heard = await socket.say("Hello there, this is some speech.")
        await socket.send("judge", heard=heard_by_a_page(heard, ahead_ms=86_400_000.0, late_ms=late_ms))
        told = await socket.hear()
    assert told["verdict"]["hop"] == hop
    assert told["verdict"]["audible"] is (hop == "network")


async def test_a_page_that_saw_other_messages_is_told_so(door: Open) -> None:
    async with connected(door) as socket:
        heard = await socket.say("Hello.")
        of_page = heard_by_a_page(heard, 0.0)
        lies: list[dict[str, list[float]]] = [{"sent_ms": []}, {"received_ms": [1.0] * 1000}]
        for lie in lies:
            await socket.send("judge", heard=of_page | lie)
            assert (await socket.hear())["error"]["param"] == "heard"
