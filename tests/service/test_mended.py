"""What a client gets wrong and a listener need not suffer for: it is mended, and a warning tells."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from gapless.tts.v1 import tts_pb2 as pb
from service.rpc.errors import MessageTooLarge
from service.rpc.unreadable import lenient
from tests.service.conftest import Serve
from tests.service.talk import Heard, Request, end, playback, say, seeded, text
from tests.service.test_synthesize import SENTENCE, expected_pcm

SURROGATE = b"\xed\xa0\xbd"  # the first half of an emoji
BROKEN = {
    "a lone surrogate": (b"Hello" + SURROGATE + b" there.", "Hello\ufffd there."),
    "a pair of surrogates": (b"Hi " + SURROGATE + b"\xed\xb8\x80.", "Hi \U0001f600."),
    "half a character": (b"caf\xc3", "caf\ufffd"),
    "any bytes": (b"a\xff\xfeb", "a\ufffd\ufffdb"),
}


def raw_text(data: bytes) -> bytes:
    inner = b"\x0a" + bytes([len(data)]) + data
    return b"\x12" + bytes([len(inner)]) + inner


def messages(data: bytes) -> Iterator[bytes]:
    yield seeded().SerializeToString()
    yield raw_text(data)
    yield end().SerializeToString()


@pytest.mark.parametrize(("data", "read"), BROKEN.values(), ids=BROKEN)
async def test_text_that_is_not_unicode_is_read_as_far_as_it_goes(serve: Serve, data: bytes, read: str) -> None:
    async with serve() as served:
        call = served.channel.stream_stream(
            "/gapless.tts.v1.TextToSpeechService/Synthesize", bytes, pb.SynthesizeResponse.FromString
        )
        heard = Heard([event async for event in call(messages(data))])
        assert heard.finished.usage.input_characters == len(read)


async def test_the_whole_text_is_read_the_same_way(serve: Serve) -> None:
    async with serve() as served:
        call = served.channel.unary_stream(
            "/gapless.tts.v1.TextToSpeechService/SynthesizeText", bytes, pb.SynthesizeResponse.FromString
        )
        config = seeded().config.SerializeToString()
        data = b"\x0a" + bytes([len(config)]) + config + b"\x12\x06Hi " + SURROGATE
        heard = Heard([event async for event in call(data)])
        assert heard.finished.usage.input_characters == 4


def test_a_message_that_is_larger_than_any_text_is_not_read() -> None:
    """Unknown fields were gone through on the event loop: a message of 3 MB blocked it for a second, and later for 16
    ms, twenty times at once."""
    unknown, reads = b"\xa0\x06\x00", list[int]()  # field 100, a zero

    def deserialize(data: bytes) -> pb.SynthesizeRequest:
        reads.append(len(data))
        return pb.SynthesizeRequest.FromString(data)

    read = lenient("Synthesize", deserialize, max_text_chars=1_000)
    assert read(raw_text(b"caf\xc3") + unknown * 80_000).text.text == "caf\ufffd"
    with pytest.raises(MessageTooLarge, match="1000 characters"):
        read(raw_text(b"caf\xc3") + unknown * 90_000)
    assert reads == [240_008]


async def test_who_sends_a_message_that_is_too_large_is_told_so(serve: Serve) -> None:
    async with serve() as served:
        for refused in (
            served.stub.SynthesizeText(pb.SynthesizeTextRequest(text="x" * 400_000)),
            served.stub.Synthesize(iter([seeded(), text("x" * 400_000)])),
        ):
            with pytest.raises(grpc.aio.AioRpcError, match="a message of 400") as failure:
                _ = [event async for event in refused]
            assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x12\x04\x0a\x09\xff\xfe", b"\x0a\x03\x0a\x01\xff"])
async def test_what_is_no_message_is_refused_all_the_same(serve: Serve, garbage: bytes) -> None:
    async with serve() as served:
        call = served.channel.stream_stream("/gapless.tts.v1.TextToSpeechService/Synthesize", bytes, bytes)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            _ = [event async for event in call(iter([seeded().SerializeToString(), garbage]))]
        assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("piece", ["a\x07b", "\x00", "ab\x9b", "\x1b[31mred\x1b[0m", "a\ufffd"], ids=repr)
async def test_control_characters_end_no_call(serve: Serve, piece: str) -> None:
    async with serve() as served:
        heard = await say(served.stub, [seeded(), text(SENTENCE), text(piece), end()])
        assert heard.kinds[-1] == "finished"


WRONG_REPORTS = {
    "a sample too many": playback(10**9),
    "more in hand than there is": playback(buffered_samples=2**64 - 1),
    "negative underruns": playback(underrun_total=Duration(seconds=-1)),
    "a malformed latency": playback(output_latency=Duration(seconds=1, nanos=-5)),
}


@pytest.mark.parametrize("report", WRONG_REPORTS.values(), ids=WRONG_REPORTS)
async def test_a_playback_report_that_cannot_be_is_corrected(serve: Serve, report: Request) -> None:
    async with serve() as served:
        heard = await say(served.stub, [seeded(), report, text(SENTENCE), report, report, end()])
        assert heard.warnings == ["PLAYBACK_CORRECTED"], "one for all of them"
        assert heard.pcm == expected_pcm(SENTENCE)
        assert all(seen.played_samples <= len(heard.pcm) // 2 for seen in served.engine.playbacks)
