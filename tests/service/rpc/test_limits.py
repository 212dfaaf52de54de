"""What one caller may take: each refusal has its code and says what is allowed, and others go on."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from client._transport.reader import OVER, hand_to_grpc
from client._wire import limits_from
from client.errors import translate
from engine.errors import InvalidRequest
from gapless.doors.listening.rates import Rate, Rates
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from service.config import GRPC_BYTES, ServiceConfig
from service.rpc.errors import _RULES, TooManyCalls
from service.rpc.limits import Arrivals, CallCount, CallLimits
from service.rpc.receive import read_rest
from service.rpc.recording import check_recording
from service.server import BEGUN_AT_ONCE, BEGUN_PER_S
from tests.service.conftest import Serve, Served
from tests.service.talk import Request, detail, end, playback, say, seeded, text


def reason(error: grpc.RpcError) -> str:
    info = detail(error, error_details_pb2.ErrorInfo)
    assert info is not None
    return str(info.reason)


async def then_again(requests: list[Request], again: Request) -> AsyncIterator[Request]:
    for request in requests:
        yield request
    while True:
        await asyncio.sleep(0.1)
        yield again


def limited(count: CallCount, bursts: Rates) -> CallLimits:
    free = Rates(per_s=1e6, burst=100)
    arrivals = Arrivals(per_s=1e6, burst=100, bursts=free)
    return CallLimits(count, arrivals=arrivals, bursts=bursts, calls=free, refusals=free, mistakes=free)


def test_calls_are_counted_in_all_and_for_each_connection() -> None:
    count = CallCount(in_all=3, per_connection=2)
    with ExitStack() as running:
        running.enter_context(count.call("ipv4:127.0.0.1:1"))
        running.enter_context(count.call("ipv4:127.0.0.1:1"))
        with pytest.raises(TooManyCalls, match="2 calls of this connection"):
            running.enter_context(count.call("ipv4:127.0.0.1:1"))
        running.enter_context(count.call("ipv4:127.0.0.1:2"))
        with pytest.raises(TooManyCalls, match="3 calls are under way"):
            running.enter_context(count.call("ipv4:127.0.0.1:3"))
    with ExitStack() as running:
        for _ in range(3):
            running.enter_context(count.call("unix:"))


def test_whoever_sends_more_is_read_more_slowly() -> None:
    now = [0.0]
    rate = Rate(per_s=10, burst=2, now_s=lambda: now[0])
    assert [rate.take() for _ in range(4)] == pytest.approx([0.0, 0.0, 0.1, 0.2])
    now[0] = 100.0
    assert rate.take() == 0.0


async def test_calls_that_say_nothing_are_refused_beyond_the_limit_and_not_held(serve: Serve) -> None:
    """1,869 of 2,000 such calls were held for as long as their clients liked."""
    async with serve(max_calls_per_connection=12, first_message_s=0.5) as served:
        silent = [served.stub.Synthesize() for _ in range(20)]
        start_s = time.monotonic()
        codes = await asyncio.gather(*[call.code() for call in silent])
        assert time.monotonic() - start_s < 3.0
        assert codes.count(grpc.StatusCode.ABORTED) == 12
        assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 8
        refused = next(call for call, code in zip(silent, codes, strict=True) if code.name == "RESOURCE_EXHAUSTED")
        assert dict(await refused.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"
        assert (await say(served.stub, [seeded(), text("Hello."), end()])).finished.usage.samples > 0


async def test_health_answers_when_no_other_call_is_taken(serve: Serve) -> None:
    async with serve(max_calls=1) as served:
        held = served.stub.Synthesize()
        await held.write(seeded("stuck"))
        assert (await held.read()).HasField("started")
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await served.stub.GetServerInfo(pb.GetServerInfoRequest())
        assert reason(failure.value) == "TOO_MANY_CALLS"
        reply = await health_pb2_grpc.HealthStub(served.channel).Check(health_pb2.HealthCheckRequest())
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
        held.cancel()


async def test_whoever_asks_for_health_again_and_again_waits_like_everybody(serve: Serve) -> None:
    """2,000 a second took the event loop from all who listened."""
    asked = BEGUN_AT_ONCE + 25
    async with serve() as served:
        stub, began_s = health_pb2_grpc.HealthStub(served.channel), time.monotonic()
        await asyncio.gather(*[stub.Check(health_pb2.HealthCheckRequest()) for _ in range(asked)])
        assert time.monotonic() - began_s >= 0.9 * (asked - BEGUN_AT_ONCE) / BEGUN_PER_S


async def test_flushes_that_wait_are_bounded(serve: Serve) -> None:
    async with serve(max_flushes=10) as served:
        flushes = [Request(flush=pb.Flush(flush_id=number)) for number in range(12)]
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await say(served.stub, [seeded("stuck"), text("Hello. "), *flushes, end()])
        assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reason(failure.value) == "TOO_MANY_FLUSHES"
        assert "10 flushes" in (failure.value.details() or "")


async def test_flushes_that_were_spoken_do_not_count(serve: Serve) -> None:
    async with serve(max_flushes=2) as served:
        call = served.stub.Synthesize()
        await call.write(seeded())
        for number in range(6):
            await call.write(text("Hi. "))
            await call.write(Request(flush=pb.Flush(flush_id=number)))
            while not (await call.read()).HasField("flush_done"):
                pass
        call.cancel()


@pytest.mark.parametrize("again", [text(""), playback(0)], ids=["empty text", "playback that stands still"])
async def test_messages_that_say_nothing_keep_no_utterance_open(serve: Serve, again: Request) -> None:
    async with serve(idle_timeout_s=0.5) as served, asyncio.timeout(10):
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await say(served.stub, then_again([seeded()], again))
        assert failure.value.code() is grpc.StatusCode.ABORTED
        assert reason(failure.value) == "IDLE_TIMEOUT"


async def test_an_utterance_has_an_end(serve: Serve) -> None:
    async with serve(max_utterance_s=0.5) as served, asyncio.timeout(10):
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await say(served.stub, then_again([seeded("stuck"), text("Hello. ")], text("a ")))
        assert failure.value.code() is grpc.StatusCode.ABORTED
        assert reason(failure.value) == "UTTERANCE_TOO_LONG"
        assert "0.5 s" in (failure.value.details() or "")


async def test_an_upload_has_an_end(serve: Serve) -> None:
    async with serve(max_upload_s=0.5) as served, asyncio.timeout(10):
        call = served.stub.CreateVoice()
        with contextlib.suppress(*OVER):  # on a busy machine the limit is reached while it still writes
            await hand_to_grpc(call, pb.CreateVoiceRequest(config=pb.NewVoice(name="mary")))
            for _ in range(4):
                await hand_to_grpc(call, pb.CreateVoiceRequest(audio=b"RIFF"))
                await asyncio.sleep(0.1)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await call
        assert reason(failure.value) == "UPLOAD_TOO_SLOW"
        assert "within 0.5 s" in (failure.value.details() or "")


def wav(channels: int = 1, sample_rate: int = 24_000, seconds: float = 0.1, file_format: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((round(seconds * sample_rate), channels), np.int16), sample_rate, format=file_format)
    return file.getvalue()


@pytest.mark.parametrize(
    ("audio", "says"),
    [
        (wav(channels=3), "3 channels; this server takes at most 2"),
        (wav(sample_rate=384_000), "384000 Hz; this server takes at most 192000 Hz"),
        (wav(sample_rate=8_000, seconds=601, file_format="FLAC"), "601 s, 18 MiB when it is decoded"),
        (wav(channels=2, sample_rate=96_000, seconds=400, file_format="FLAC"), "400 s, 292 MiB"),
    ],
    ids=["channels", "rate", "length", "decoded size"],
)
def test_a_recording_that_is_too_much_is_refused_from_its_header(audio: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        check_recording(audio)


def test_usual_recordings_and_what_is_none_pass_on() -> None:
    check_recording(wav(channels=2, sample_rate=192_000))
    check_recording(b"GIF89a")


async def test_a_client_reads_the_limits_in_force(serve: Serve) -> None:
    """All fields of Limits are told, of a server that creates voices."""
    async with serve(max_calls=77, max_flushes=9, message_burst=50, max_upload_s=1.5) as served:
        limits = (await served.stub.GetServerInfo(pb.GetServerInfoRequest())).limits
    assert (limits.max_calls, limits.max_waiting_flushes, limits.message_burst) == (77, 9, 50)
    assert limits.max_upload_duration.ToTimedelta().total_seconds() == 1.5
    assert {field.name for field, _ in limits.ListFields()} == set(pb.Limits.DESCRIPTOR.fields_by_name)
    assert limits_from(limits).max_upload_s == 1.5
    assert all(asdict(limits_from(limits)).values())


async def test_a_message_that_is_too_large_is_refused_by_grpc_and_our_client_says_what_it_is(serve: Serve) -> None:
    async with serve() as served:
        most = (await served.stub.GetServerInfo(pb.GetServerInfoRequest())).limits.max_message_bytes
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await served.stub.ListVoices(pb.ListVoicesRequest(page_token="x" * most))
    assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than the receiver takes" in str(translate(failure.value, served.address))


async def test_our_client_does_not_take_a_method_that_is_not_there_for_another_service(served: Served) -> None:
    unknown: Any = served.channel.unary_unary("/gapless.tts.v1.TextToSpeechService/OfALaterVersion")
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await unknown(b"")
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "does not know this call" in str(translate(failure.value, served.address))


def test_every_reason_is_explained() -> None:
    page = (Path(__file__).parents[3] / "docs/errors.md").read_text(encoding="utf-8")
    assert [rule.reason for rule in _RULES if f"`{rule.reason}`" not in page] == []


async def test_wrong_tokens_of_one_connection_wait_and_those_of_another_do_not() -> None:
    refusals = Rates(per_s=20.0, burst=2)
    began = time.monotonic()
    for _ in range(2):
        await refusals.wait("ipv4:127.0.0.1:1")
    await refusals.wait("ipv4:127.0.0.1:2")
    assert time.monotonic() - began < 0.04
    await asyncio.gather(*(refusals.wait("ipv4:127.0.0.1:1") for _ in range(4)))
    assert time.monotonic() - began >= 0.19  # four at twenty a second


async def test_whoever_gives_up_waiting_leaves_no_debt() -> None:
    refusals = Rates(per_s=20.0, burst=0)
    gone = [asyncio.create_task(refusals.wait("ipv4:127.0.0.1:1")) for _ in range(100)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    began = time.monotonic()
    await refusals.wait("ipv4:127.0.0.1:1")
    assert time.monotonic() - began < 0.5


async def test_short_calls_that_come_too_fast_wait_and_those_of_others_do_not() -> None:
    now = [0.0]
    rate = Rates(per_s=10, burst=2, now_s=lambda: now[0])
    for _ in range(2):
        await rate.wait("ipv4:127.0.0.1:1")
    waiting = asyncio.create_task(rate.wait("ipv4:127.0.0.1:1"))
    await rate.wait("ipv4:127.0.0.1:2")
    for _ in range(9):
        await rate.wait("unix:")
    assert not waiting.done()
    async with asyncio.timeout(5):
        await waiting


async def test_calls_of_one_connection_are_held_back(serve: Serve) -> None:
    async with serve(max_calls_per_connection=10, calls_per_s=20) as served:
        began_s = time.monotonic()
        for _ in range(20):
            await served.stub.GetServerInfo(pb.GetServerInfoRequest())
        assert time.monotonic() - began_s > 0.4


async def test_calls_of_methods_that_do_not_exist_are_held_back_too(serve: Serve) -> None:
    """gRPC answers them by itself, 2,500 a second, and a neighbour's first sound came after 228 ms."""
    async with serve(max_calls_per_connection=10, calls_per_s=20) as served:
        unknown: Any = served.channel.unary_unary("/gapless.tts.v1.TextToSpeechService/Sing")
        began_s = time.monotonic()
        for _ in range(20):
            with pytest.raises(grpc.aio.AioRpcError, match="Method not found!") as failure:
                await unknown(b"")
            assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert time.monotonic() - began_s > 0.4


async def test_connections_that_call_for_the_first_time_wait_if_their_host_has_many() -> None:
    """A connection for each call was 750 of them a second: no limit of a connection holds that back."""
    free = Rates(per_s=1e6, burst=100)
    arrivals, began = Arrivals(per_s=20.0, burst=2, bursts=free), time.monotonic()
    for peer in ("ipv4:10.0.0.1:1", "ipv4:10.0.0.1:2", "ipv4:10.0.0.2:3", "ipv6:[::1]:4", "unix:", "unix:", "unix:"):
        await arrivals.wait(peer)
    for _ in range(10):
        await arrivals.wait("ipv4:10.0.0.1:1")
    assert time.monotonic() - began < 0.04
    calls = [arrivals.wait(f"ipv4:10.0.0.1:{port}") for port in (5, 5, 6, 6, 6, 7, 8, 8)]
    await asyncio.gather(*calls)
    assert 0.19 <= time.monotonic() - began < 0.35, "four connections at twenty a second"


async def test_connections_of_one_host_that_come_at_once_are_begun_one_after_the_other() -> None:
    """Twenty utterances on connections of their own kept the loop for 36 ms: a probe's answer came behind all of them,
    after 56 ms."""
    arrivals = Arrivals(per_s=1e6, burst=100, bursts=Rates(per_s=100, burst=2))
    began_s = time.monotonic()
    await asyncio.gather(*(arrivals.wait(f"ipv4:10.0.0.1:{port}") for port in range(6)))
    assert time.monotonic() - began_s >= 0.039, "four at a hundred a second"


async def test_calls_that_waited_while_the_loop_was_late_do_not_go_at_once() -> None:
    """Each had booked a time. A loop that was late for 100 ms, for want of a processor say, began 25 calls of a flood
    in its next turn, for whose time had come meanwhile, and was later by what these took."""
    rate, turn, went = Rate(per_s=250.0, burst=4, now_s=time.monotonic), 0, Counter[int]()

    async def call() -> None:
        await rate.wait()
        went[turn] += 1

    calls = [asyncio.create_task(call()) for _ in range(40)]
    await asyncio.sleep(0)
    at_once = went.total()
    time.sleep(0.1)  # the loop is late
    while went.total() < 40:
        turn += 1
        await asyncio.sleep(0)
    await asyncio.gather(*calls)
    assert at_once == 4
    del went[0]
    assert max(went.values()) == 1


async def test_what_is_left_of_a_refused_call_is_read_for_a_while_only() -> None:
    """Each of 50 messages took the event loop its time, for each of the calls that were refused."""

    class Flood:
        reads = 0

        async def read(self) -> Request:
            self.reads += 1
            return text("a")

    flood, began = Flood(), time.monotonic()
    await read_rest(flood)  # type: ignore[arg-type]
    assert flood.reads <= 16
    assert time.monotonic() - began > 0.02, "meanwhile it can write on"


def test_a_message_may_have_what_a_text_or_a_piece_of_a_recording_needs() -> None:
    """gRPC copied twenty messages of 3 MB on the event loop, which nobody could refuse before."""
    assert ServiceConfig().max_message_bytes < 600_000
    assert ServiceConfig(max_text_chars=500_000).max_message_bytes > 2_000_000
    assert ServiceConfig(max_text_chars=100_000_000).max_message_bytes == GRPC_BYTES
    assert ServiceConfig(has_riva=True).max_message_bytes == GRPC_BYTES


async def test_requests_that_cannot_be_served_are_answered_seldom_and_others_as_ever(serve: Serve) -> None:
    async with serve(max_calls_per_connection=50, calls_per_s=50) as served:  # ten mistakes at once, then ten a second
        unknown = pb.SynthesizeTextRequest(config=pb.SynthesisConfig(voice="nobody"), text="Hello.")
        began_s = time.monotonic()

        async def mistake() -> float:
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                async for _ in served.stub.SynthesizeText(unknown):
                    pass
            assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            return time.monotonic() - began_s

        mistakes = [asyncio.create_task(mistake()) for _ in range(16)]
        await mistakes[0]
        asked_s = time.monotonic()
        await served.stub.GetServerInfo(pb.GetServerInfoRequest())
        assert time.monotonic() - asked_s < 0.4
        assert max(await asyncio.gather(*mistakes)) > 0.5


async def test_mistakes_count_whether_or_not_somebody_waits_for_the_answer(serve: Serve) -> None:
    """Fifty calls that could not be served were given up soon and made again, a hundred times a second."""
    async with serve(max_calls_per_connection=50, calls_per_s=50) as served:  # ten mistakes at once, then ten a second
        unknown = pb.SynthesizeTextRequest(config=pb.SynthesisConfig(voice="nobody"), text="Hello.")
        given_up = [served.stub.SynthesizeText(unknown) for _ in range(20)]
        await asyncio.sleep(0.3)
        for call in given_up:
            call.cancel()
        began_s = time.monotonic()
        await say(served.stub, [seeded(), text("Hello."), end()])
        assert time.monotonic() - began_s > 0.4, "ten of them are to be paid, but for 0.3 s"


async def test_calls_that_come_at_once_are_begun_one_after_the_other() -> None:
    """Two hundred calls that a connection opened at once kept the loop for a third of a second."""
    count = CallCount(in_all=100, per_connection=100)
    limits = limited(count, bursts=Rates(per_s=100, burst=2))
    began = list[tuple[str, float]]()

    async def call(peer: str) -> None:
        async with limits.call(peer):
            began.append((peer, time.monotonic()))

    await asyncio.gather(*(call("ipv4:127.0.0.1:1") for _ in range(6)), call("ipv4:127.0.0.1:2"))
    peers = [peer for peer, _ in began]
    assert peers.index("ipv4:127.0.0.1:2") == 2, "between them, and not behind them"
    assert began[-1][1] - began[0][1] >= 0.035  # four at a hundred a second


async def test_the_engine_is_told_whose_an_utterance_is(served: Served) -> None:
    """A connection's, so that its first sounds take turns with those of others; a token's name comes before that."""
    hello = [seeded(), text("Hello."), end()]
    async with grpc.aio.insecure_channel(served.address, [("grpc.use_local_subchannel_pool", 1)]) as other:
        for stub in (served.stub, served.stub, tts_pb2_grpc.TextToSpeechServiceStub(other)):
            await say(stub, hello)
    first, second, third = (utterance.caller for utterance in served.engine.submitted)
    assert first == second
    assert first != third
    assert all((first, third))


async def test_refusals_of_calls_that_come_at_once_do_not_come_at_once() -> None:
    limits = limited(CallCount(in_all=1, per_connection=1), bursts=Rates(per_s=100, burst=2))
    refused = list[float]()

    async def call() -> None:
        with contextlib.suppress(TooManyCalls):
            async with limits.call("ipv4:127.0.0.1:1"):
                await asyncio.sleep(0.1)
                return
        refused.append(time.monotonic())

    began = time.monotonic()
    await asyncio.gather(*(call() for _ in range(5)))
    assert len(refused) == 4
    assert refused[0] - began < 0.05
    assert refused[-1] - refused[0] >= 0.025  # three at a hundred a second
