"""What a client can get wrong: each gets its code, its field and a message to act on; a stream beside never notices."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from tests.service.conftest import Serve, Served
from tests.service.talk import Request, config, detail, end, say, seeded, text
from tests.service.test_synthesize import SENTENCE, expected_pcm

ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


@dataclass(frozen=True)
class Bad:
    name: str
    requests: list[Request]
    reason: str
    field: str  # "" = no BadRequest
    says: str  # a part of the message
    code: grpc.StatusCode = ARGUMENT
    closes: bool = True  # the client half-closes


def sampling(**fields: float) -> list[Request]:
    return [config(sampling=pb.SamplingConfig(**fields)), text("Hello."), end()]  # type: ignore[arg-type]


def streaming(**fields: Duration) -> list[Request]:
    return [config(streaming=pb.StreamingConfig(**fields)), text("Hello."), end()]  # type: ignore[arg-type]


def audio_format(**fields: int) -> list[Request]:
    return [config(audio_format=pb.AudioFormat(**fields)), text("Hello."), end()]  # type: ignore[arg-type]


def out_of_range(name: str, value: float, says: str) -> Bad:
    return Bad(f"{name} {value:g}", sampling(**{name: value}), "INVALID_FIELD", f"config.sampling.{name}", says)


SLOW = seeded("slow")
FLUSH = Request(flush=pb.Flush(flush_id=1))
BAD = [
    Bad("nothing at all", [], "OUT_OF_ORDER", "config", "nothing came first"),
    Bad("text first", [text("Hello.")], "OUT_OF_ORDER", "config", "text came first"),
    Bad("empty event first", [Request()], "OUT_OF_ORDER", "config", "nothing came first"),
    Bad("config twice", [SLOW, text("Hello."), config()], "OUT_OF_ORDER", "config", "came again"),
    Bad("empty event", [SLOW, Request()], "INVALID_FIELD", "event", "no event is set"),
    Bad("unknown voice", [seeded("ana")], "UNKNOWN_VOICE", "config.voice", "'ana'; available: anna, broken, karl"),
    Bad(
        "unknown language",
        [config(language_code="tlh")],
        "INVALID_FIELD",
        "config.language_code",
        "'tlh'; possible: en, de",
    ),
    Bad(
        "unknown encoding",
        audio_format(encoding=99),
        "INVALID_FIELD",
        "config.audio_format.encoding",
        "99; available: AUDIO_ENCODING_PCM_S16LE",
    ),
    Bad(
        "invalid rate",
        audio_format(sample_rate_hertz=44_000),
        "INVALID_FIELD",
        "config.audio_format.sample_rate_hertz",
        "44000 Hz is not available; available: 8000, 16000",
    ),
    out_of_range("temperature", math.nan, "nan is out of range; allowed: 0 to 2"),
    out_of_range("temperature", math.inf, "inf is out of range"),
    out_of_range("temperature", -0.1, "-0.1 is out of range"),
    out_of_range("temperature", 1e30, "1e+30 is out of range"),
    out_of_range("top_p", 0.0, "allowed: above 0 to 1"),
    out_of_range("top_p", 1.5, "allowed: above 0 to 1"),
    out_of_range("min_p", -1.0, "allowed: 0 to 1"),
    out_of_range("top_k", 100_001, "allowed: 0 to 100000"),
    out_of_range("repetition_penalty", 0.0, "allowed: 0.5 to 5"),
    out_of_range("cfg_weight", 5.5, "allowed: 0 to 5"),
    out_of_range("exaggeration", 3.0, "allowed: 0 to 2"),
    Bad(
        "negative lead",
        streaming(max_lead=Duration(seconds=-1)),
        "INVALID_FIELD",
        "config.streaming.max_lead",
        "-1 s is out of range; allowed: 0 to 3600 s",
    ),
    Bad(
        "lead of 30 years",
        streaming(max_lead=Duration(seconds=10**9)),
        "INVALID_FIELD",
        "config.streaming.max_lead",
        "allowed: 0 to 3600 s",
    ),
    Bad(
        "malformed delay",
        streaming(max_text_delay=Duration(seconds=1, nanos=-5)),
        "INVALID_FIELD",
        "config.streaming.max_text_delay",
        "malformed duration",
    ),
    Bad("no text", [seeded()], "EMPTY_TEXT", "text", "send at least one letter or digit"),
    Bad("empty text", [seeded(), text(""), end()], "EMPTY_TEXT", "text", "no speakable text"),
    Bad("whitespace", [seeded(), text(" \t\r\n "), end()], "EMPTY_TEXT", "text", "no speakable text"),
    Bad("emoji", [seeded(), text("🙂 👍🏽 🇩🇪"), end()], "EMPTY_TEXT", "text", "no speakable text"),
    Bad("a book", [seeded(), text("word " * 60_000)], "TEXT_TOO_LONG", "text", "this server takes 20000"),
    Bad(
        "too much in pieces",
        [SLOW, *[text("word " * 1_000)] * 5],
        "TEXT_TOO_LONG",
        "text",
        "25000 characters so far; this server takes 20000",
    ),
    Bad("text after end", [SLOW, text("Hello."), end(), text("More.")], "OUT_OF_ORDER", "text", "after end_of_input"),
    Bad("flush after end", [SLOW, text("Hello."), end(), FLUSH], "OUT_OF_ORDER", "flush", "after end_of_input"),
    Bad("end twice", [SLOW, text("Hello."), end(), end()], "OUT_OF_ORDER", "end_of_input", "after end_of_input"),
    Bad("never a config", [], "IDLE_TIMEOUT", "", "send config as soon as", grpc.StatusCode.ABORTED, closes=False),
    Bad("never text", [seeded()], "IDLE_TIMEOUT", "", "send end_of_input", grpc.StatusCode.ABORTED, closes=False),
]


async def and_silence(requests: list[Request]) -> AsyncIterator[Request]:
    for request in requests:
        yield request
    await asyncio.sleep(60)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
async def test_bad_input_gets_a_useful_error_and_hurts_nobody(serve: Serve, bad: Bad) -> None:
    async with serve(idle_timeout_s=60 if bad.closes else 0.3, first_message_s=5 if bad.closes else 0.3) as served:
        good = asyncio.create_task(say(served.stub, [seeded(), text(SENTENCE), end()]))
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await say(served.stub, bad.requests if bad.closes else and_silence(bad.requests))
        assert failure.value.code() is bad.code
        assert bad.says in (failure.value.details() or "")
        info = detail(failure.value, error_details_pb2.ErrorInfo)
        assert info is not None
        assert (info.domain, info.reason) == ("gapless", bad.reason)
        assert info.metadata["utterance_id"]
        bad_request = detail(failure.value, error_details_pb2.BadRequest)
        fields = [violation.field for violation in bad_request.field_violations] if bad_request else []
        assert fields == ([bad.field] if bad.field else [])
        assert (await good).pcm == expected_pcm(SENTENCE)


async def test_whoever_still_writes_hears_the_reason(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """grpc.aio's own iterator takes a write that meets a closed call for the error: the client is heard out."""
    monkeypatch.setattr("service.rpc.receive.QUIET_S", 2.0)
    monkeypatch.setattr("service.rpc.receive._READ_REST_S", 0.5)
    for _ in range(10):
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            async for _ in served.stub.Synthesize([seeded("nobody"), *[text("word ")] * 50, end()]):
                pass
        assert failure.value.code() is ARGUMENT


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x0a\x04\x0a\x02\xff\xfe"], ids=["bytes", "invalid UTF-8"])
async def test_what_is_no_message_is_refused(serve: Serve, garbage: bytes) -> None:
    async with serve() as served:
        raw = served.channel.stream_stream("/gapless.tts.v1.TextToSpeechService/Synthesize", bytes, bytes)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            async for _ in raw(iter([seeded("slow").SerializeToString(), garbage])):
                pass
        assert failure.value.code() is ARGUMENT
        assert "not a SynthesizeRequest of gapless.tts.v1" in (failure.value.details() or "")


async def test_a_silent_client_may_listen_as_long_as_there_is_audio(serve: Serve) -> None:
    """Silence counts from the end of what is heard, however fast it was sent."""
    async with serve(idle_timeout_s=1.0, max_lead_s=0.0) as served:
        start_s = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await say(served.stub, and_silence([seeded(), text("One two three. ")]))
        assert failure.value.code() is grpc.StatusCode.ABORTED
        audio_s = len(expected_pcm("One two three.")) / 2 / 24_000
        assert audio_s + 1.0 <= time.monotonic() - start_s < audio_s + 4.0


async def test_a_message_larger_than_grpc_takes_is_refused(serve: Serve) -> None:
    async with serve() as served:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await say(served.stub, [seeded(), text("word " * 1_000_000)])
        assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in (failure.value.details() or "")


async def test_whoever_reads_slowly_hears_the_reason_too(serve: Serve) -> None:
    """The error comes while a message waits for the client: no status can be sent before it is through."""
    small = [("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)]
    long = text("One two three four five six seven eight nine ten. " * 8)
    async with serve() as served, grpc.aio.insecure_channel(served.address, small) as channel:
        call = tts_pb2_grpc.TextToSpeechServiceStub(channel).Synthesize()
        for request in (seeded(streaming=pb.StreamingConfig(max_lead=Duration())), long):
            await call.write(request)
        await asyncio.sleep(0.3)  # the windows are full
        await call.write(seeded())  # a second config
        await asyncio.sleep(0.2)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            async for _ in call:
                pass
        assert failure.value.code() is ARGUMENT
