"""CreateVoice, DeleteVoice, ListVoices: a recording becomes a voice, and nobody who speaks meanwhile notices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

import grpc
import pytest
from google.rpc import error_details_pb2

from engine.errors import UtteranceFailed
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from tests.recordings import CLONING, Cloning, recording
from tests.service.conftest import Serve, Served
from tests.service.talk import detail, end, say, seeded, text, writing
from tests.service.test_synthesize import SENTENCE, expected_pcm

Request = pb.CreateVoiceRequest
SLOW = Cloning(takes_s=1.0)


def named(name: str = "mary", description: str = "") -> Request:
    return Request(config=pb.NewVoice(name=name, description=description))


def pieces(audio: bytes, size: int = 5_000) -> list[Request]:
    return [Request(audio=audio[at : at + size]) for at in range(0, len(audio), size)]


def order(name: str = "mary", audio: bytes | None = None, description: str = "") -> list[Request]:
    return [named(name, description), *pieces(recording() if audio is None else audio)]


async def create(
    stub: tts_pb2_grpc.TextToSpeechServiceStub, requests: Iterable[Request] | AsyncIterator[Request]
) -> pb.CreateVoiceResponse:
    call = stub.CreateVoice()
    async with writing(call, requests):
        reply: pb.CreateVoiceResponse = await call
    return reply


async def names(served: Served) -> list[str]:
    return [voice.name for voice in (await served.stub.ListVoices(pb.ListVoicesRequest())).voices]


async def begun(served: Served, count: int = 1) -> None:
    """Waits until so many clonings have begun."""
    while len(served.engine.cloned) < count:
        await asyncio.sleep(0.002)


def reason(error: grpc.RpcError) -> str:
    info = detail(error, error_details_pb2.ErrorInfo)
    assert info is not None
    return str(info.reason)


@pytest.mark.parametrize("file_format", ["WAV", "FLAC", "OGG"])
async def test_a_recording_becomes_a_voice_that_speaks(served: Served, file_format: str) -> None:
    audio = recording(file_format=file_format)
    reply = await create(served.stub, order(audio=audio, description="A voice for tests."))
    assert reply.voice == pb.Voice(
        name="mary",
        description="A voice for tests.",
        language_codes=["en", "de"],
        bytes_held=4000,
        built_in=False,
        in_memory=True,
    )
    assert not reply.warnings
    assert served.engine.cloned[0].audio == audio
    heard = await say(served.stub, [seeded("mary"), text(SENTENCE), end()])
    assert heard.pcm == expected_pcm(SENTENCE, voice="mary")


async def test_what_is_wrong_and_does_not_stop_it_is_told(served: Served) -> None:
    reply = await create(served.stub, order(audio=recording(peak=1.0)))
    assert [(warning.reason, warning.message) for warning in reply.warnings] == [
        ("RECORDING", "the recording is clipped")
    ]


async def test_listed_voices_say_where_they_come_from(served: Served) -> None:
    await create(served.stub, order())
    reply = await served.stub.ListVoices(pb.ListVoicesRequest())
    origin = {voice.name: voice.built_in for voice in reply.voices}
    assert origin == {"anna": True, "broken": True, "karl": True, "mary": False, "slow": True, "stuck": True}
    assert all(voice.in_memory and voice.bytes_held for voice in reply.voices)


async def test_a_deleted_voice_is_gone_and_its_name_is_free(served: Served) -> None:
    await create(served.stub, order())
    await served.stub.DeleteVoice(pb.DeleteVoiceRequest(name="mary"))
    assert "mary" not in await names(served)
    await create(served.stub, order())


async def test_server_info_says_what_can_be_created(serve: Serve) -> None:
    async with serve() as served:
        info = await served.stub.GetServerInfo(pb.GetServerInfoRequest())
        assert info.features.voice_cloning
        assert info.limits.max_recording_bytes == 32 << 20
        assert (list(info.language_codes), info.flow_form) == (["en", "de"], "cached")
    async with serve(cloning=None) as served:
        info = await served.stub.GetServerInfo(pb.GetServerInfoRequest())
        assert not info.features.voice_cloning
        assert info.limits.max_recording_bytes == 0


# ------------------------------------------------------------------------------------------------------ bad requests


@dataclass(frozen=True)
class Bad:
    name: str
    requests: list[Request]
    reason: str
    field: str  # "" = no BadRequest
    says: str
    code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT
    cloning: Cloning | None = CLONING
    closes: bool = True  # the client half-closes


LIMIT = 50_000  # bytes of a recording: 1.5 s
NAME = "letters, digits, dots, dashes and underscores"
BAD = [
    Bad("nothing at all", [], "OUT_OF_ORDER", "config", "nothing came first"),
    Bad("audio first", pieces(recording()), "OUT_OF_ORDER", "config", "audio came first"),
    Bad("empty event first", [Request()], "OUT_OF_ORDER", "config", "nothing came first"),
    Bad("config twice", [named(), named()], "OUT_OF_ORDER", "config", "came again"),
    Bad("config last", [*order(), named()], "OUT_OF_ORDER", "config", "came again"),
    Bad("empty event", [named(), Request()], "INVALID_FIELD", "event", "no event is set; set audio"),
    Bad("no name", order(""), "INVALID_FIELD", "config.name", NAME),
    Bad("a path", order("../mary"), "INVALID_FIELD", "config.name", "'../mary' is no name for a voice"),
    Bad("a hidden file", order(".mary"), "INVALID_FIELD", "config.name", NAME),
    Bad("a long name", order("m" * 65), "INVALID_FIELD", "config.name", NAME),
    Bad("a line end", order("mary\n"), "INVALID_FIELD", "config.name", NAME),
    Bad("an escape", order(description="\x1b[2J"), "INVALID_FIELD", "config.description", "printable"),
    Bad("taken", order("anna"), "VOICE_EXISTS", "config.name", "'anna' exists", grpc.StatusCode.ALREADY_EXISTS),
    Bad("no audio", [named()], "INVALID_FIELD", "audio", "is empty; send the bytes of a WAV"),
    Bad("empty audio", [named(), Request(audio=b"")], "INVALID_FIELD", "audio", "is empty"),
    Bad("not audio", order(audio=b"GIF89a" * 100), "INVALID_FIELD", "audio", "no audio file"),
    Bad("too short", order(audio=recording(0.2)), "INVALID_FIELD", "audio", "0.2 s is too short"),
    Bad("silence", order(audio=recording(peak=0.0)), "INVALID_FIELD", "audio", "silent"),
    Bad("too large", order(audio=recording(3.0)), "RECORDING_TOO_LARGE", "audio", "more than 50000 bytes"),
    Bad("stalled", [named()], "IDLE_TIMEOUT", "", "half-close when", grpc.StatusCode.ABORTED, closes=False),
    Bad("never begun", [], "IDLE_TIMEOUT", "", "nothing arrived", grpc.StatusCode.ABORTED, closes=False),
    Bad("no cloning", order(), "UNSUPPORTED", "", "creates no voices", grpc.StatusCode.UNIMPLEMENTED, cloning=None),
    Bad(
        "engine trouble",
        order(),
        "UTTERANCE_FAILED",
        "",
        "the engine failed at this utterance",
        grpc.StatusCode.INTERNAL,
        cloning=Cloning(error=UtteranceFailed("scripted trouble")),
    ),
    Bad(
        "a bug",
        order(),
        "INTERNAL",
        "",
        "internal error; the server's log tells more (call",
        grpc.StatusCode.INTERNAL,
        cloning=Cloning(error=ZeroDivisionError("secret")),
    ),
]


async def and_silence(requests: list[Request]) -> AsyncIterator[Request]:
    for request in requests:
        yield request
    await asyncio.sleep(60)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
async def test_bad_input_gets_a_useful_error_and_makes_no_voice(serve: Serve, bad: Bad) -> None:
    patience_s = 60 if bad.closes else 0.3
    async with serve(cloning=bad.cloning, max_recording_bytes=LIMIT, idle_timeout_s=patience_s) as served:
        before = await names(served)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await create(served.stub, bad.requests if bad.closes else and_silence(bad.requests))
        assert failure.value.code() is bad.code
        assert bad.says in (failure.value.details() or "")
        assert "secret" not in (failure.value.details() or "")
        assert reason(failure.value) == bad.reason
        bad_request = detail(failure.value, error_details_pb2.BadRequest)
        fields = [violation.field for violation in bad_request.field_violations] if bad_request else []
        assert fields == ([bad.field] if bad.field else [])
        assert await names(served) == before


async def test_an_upload_far_too_large_is_refused_while_it_comes(serve: Serve) -> None:
    """The client learns the reason although it was still writing, and the rest is not read."""
    sent = 0

    def endless() -> Iterator[Request]:
        nonlocal sent
        yield named()
        while True:
            sent += 1 << 19
            yield Request(audio=bytes(1 << 19))

    def upload(address: str) -> str:
        with grpc.insecure_channel(address) as channel:
            with pytest.raises(grpc.RpcError) as failure:
                tts_pb2_grpc.TextToSpeechServiceStub(channel).CreateVoice(endless(), timeout=10)
            return reason(failure.value)

    async with serve(max_recording_bytes=LIMIT) as served:
        assert await asyncio.to_thread(upload, served.address) == "RECORDING_TOO_LARGE"
        assert sent < 500 << 20


@pytest.mark.parametrize(
    ("name", "code", "why"),
    [
        ("nobody", grpc.StatusCode.NOT_FOUND, "UNKNOWN_VOICE"),
        ("../anna", grpc.StatusCode.NOT_FOUND, "UNKNOWN_VOICE"),
        ("anna", grpc.StatusCode.FAILED_PRECONDITION, "BUILT_IN_VOICE"),
        ("", grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"),
    ],
)
async def test_what_cannot_be_deleted_is_told_apart(served: Served, name: str, code: grpc.StatusCode, why: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await served.stub.DeleteVoice(pb.DeleteVoiceRequest(name=name))
    assert (failure.value.code(), reason(failure.value)) == (code, why)
    assert len(await names(served)) == 5


# ------------------------------------------------------------------------------------------------- beside each other


async def test_other_streams_never_notice(serve: Serve) -> None:
    async with serve(cloning=SLOW) as served:
        creating = asyncio.create_task(create(served.stub, order()))
        await begun(served)
        heard = await asyncio.gather(*(say(served.stub, [seeded(), text(SENTENCE), end()]) for _ in range(3)))
        assert await names(served)
        assert not creating.done()
        for one in heard:
            assert one.pcm == expected_pcm(SENTENCE)
            assert max(chunk.timings.loop_lag_max.ToMilliseconds() for chunk in one.chunks) < 500
        assert (await creating).voice.name == "mary"


async def test_one_voice_is_made_after_the_other_and_few_wait(serve: Serve) -> None:
    gate = threading.Event()
    async with serve(cloning=Cloning(gate=gate), max_new_voices=3) as served:
        running = [asyncio.create_task(create(served.stub, order(name))) for name in ("a", "b", "c")]
        await begun(served)
        await asyncio.sleep(0.2)  # all three are there
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await create(served.stub, order("d"))
        assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failure.value.details() == "3 voices are being created; retry in 5.0 s"
        retry = detail(failure.value, error_details_pb2.RetryInfo)
        assert retry is not None
        assert retry.retry_delay.seconds == 5
        gate.set()
        await asyncio.gather(*running)
        assert (await create(served.stub, order("d"))).voice.name == "d"


async def test_a_stalled_upload_takes_a_place_only_until_it_is_given_up(serve: Serve) -> None:
    async with serve(max_new_voices=1, idle_timeout_s=0.2) as served:
        with pytest.raises(grpc.aio.AioRpcError):
            await create(served.stub, and_silence([named("a")]))
        assert (await create(served.stub, order("b"))).voice.name == "b"


async def test_two_calls_for_one_name_make_one_voice(serve: Serve) -> None:
    async with serve(cloning=Cloning(takes_s=0.05)) as served:
        ends = await asyncio.gather(*(create(served.stub, order()) for _ in range(2)), return_exceptions=True)
        (error,) = [end for end in ends if isinstance(end, grpc.aio.AioRpcError)]
        assert error.code() is grpc.StatusCode.ALREADY_EXISTS
        assert (await names(served)).count("mary") == 1


# --------------------------------------------------------------------------------------------------- calls that end


async def test_a_call_cancelled_at_work_leaves_no_voice_and_frees_its_place(serve: Serve) -> None:
    gate = threading.Event()
    async with serve(cloning=Cloning(gate=gate), max_new_voices=1) as served:
        call = served.stub.CreateVoice(order())
        await begun(served)
        call.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await create(served.stub, order())
        assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # the work itself cannot be stopped
        gate.set()
        async with asyncio.timeout(5):
            while served.engine.deleted != ["mary"]:
                await asyncio.sleep(0.02)
        assert (await create(served.stub, order())).voice.name == "mary"


async def test_a_call_cancelled_while_it_waits_is_never_worked_on(serve: Serve) -> None:
    gate = threading.Event()
    async with serve(cloning=Cloning(gate=gate)) as served:
        first = asyncio.create_task(create(served.stub, order("a")))
        await begun(served)
        waiting = served.stub.CreateVoice(order("b"))
        await asyncio.sleep(0.2)
        waiting.cancel()
        await asyncio.sleep(0.2)  # the server knows
        gate.set()
        await first
        await create(served.stub, order("c"))
        assert [voice.name for voice in served.engine.cloned] == ["a", "c"]


async def test_a_call_cancelled_while_it_uploads_makes_nothing(served: Served) -> None:
    """A cancelled call first looks like the end of input: half a recording must not become a voice."""
    for _ in range(20):
        call = served.stub.CreateVoice(and_silence(order()))
        await asyncio.sleep(0.01)
        call.cancel()
    await create(served.stub, order("after"))
    assert [voice.name for voice in served.engine.cloned] == ["after"]


async def test_a_drain_lets_a_voice_be_finished_and_refuses_new_ones(serve: Serve) -> None:
    gate = threading.Event()
    async with serve(cloning=Cloning(gate=gate)) as served:
        creating = asyncio.create_task(create(served.stub, order()))
        await begun(served)
        stopping = asyncio.create_task(served.server.stop(asyncio.Event()))
        await asyncio.sleep(0.05)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await create(served.stub, order("late"))
        assert (failure.value.code(), reason(failure.value)) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        gate.set()
        assert (await creating).voice.name == "mary"
        await stopping


async def test_a_drain_that_expires_leaves_no_voice(serve: Serve) -> None:
    gate = threading.Event()
    async with serve(cloning=Cloning(gate=gate), drain_timeout_s=0.1) as served:
        creating = asyncio.create_task(create(served.stub, order()))
        await begun(served)
        await served.server.stop(asyncio.Event())
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await creating
        assert (failure.value.code(), reason(failure.value)) == (grpc.StatusCode.UNAVAILABLE, "DRAIN_EXPIRED")
        gate.set()
        async with asyncio.timeout(5):
            while served.engine.deleted != ["mary"]:
                await asyncio.sleep(0.02)
