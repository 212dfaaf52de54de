"""The client against a server over a real socket."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, cast

import grpc
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from client import (
    Chunk,
    Client,
    ClientClosed,
    Encoding,
    Finished,
    FlushDone,
    InvalidArgument,
    NotGapless,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
    ServerWarning,
    Started,
    UtteranceClosed,
)
from gapless.tts.v1 import tts_pb2 as pb
from tests.client.fake_server import FakeServer, Requests, Responses, Voice, abort, speak, started, tone

TEXT = "A sentence."
QUICK_REFUSALS = 60  # gRPC's own write loses the status of every fourth
FIRST_REFUSALS = 300  # and of every sixtieth under the first message


def client_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gapless")]


async def test_say_yields_the_whole_audio_in_order(server: FakeServer) -> None:
    async with Client(server.address) as client:
        chunks = [chunk async for chunk in client.say(TEXT, encoding=Encoding.F32)]
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert [chunk.seq for chunk in chunks] == list(range(len(chunks)))
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, tone(len(samples), 0, 24000))


async def test_options_reach_the_server_as_the_contract_spells_them(server: FakeServer) -> None:
    async with Client(server.address) as client:
        async for _ in client.say(
            TEXT,
            voice="anna",
            language="de",
            sample_rate=8000,
            encoding="pcm_f32le",
            seed=0,
            sampling={"temperature": 0.5, "top_k": 3},
            max_lead=0,
            max_text_delay=0.25,
        ):
            pass
    config = server.requests[0].config
    assert (config.voice, config.language_code, config.audio_format.sample_rate_hertz) == ("anna", "de", 8000)
    assert config.audio_format.encoding == pb.AUDIO_ENCODING_PCM_F32LE
    assert config.sampling == pb.SamplingConfig(temperature=0.5, top_k=3, seed=0)
    assert config.streaming.HasField("max_lead")
    assert config.streaming.max_text_delay == Duration(nanos=250_000_000)


async def test_an_empty_configuration_is_sent_empty(server: FakeServer) -> None:
    async with Client(server.address) as client:
        async for _ in client.say(TEXT):
            pass
    sent = server.requests[0].config
    assert not sent.HasField("audio_format")
    assert sent.sampling == pb.SamplingConfig()
    assert sent.streaming == pb.StreamingConfig(want_resume_tokens=True)


async def test_audio_comes_while_text_is_still_being_pushed(server: FakeServer) -> None:
    """The first sentence is heard before the second is sent, and nothing has ended."""
    async with Client(server.address) as client, client.utterance() as utterance:
        chunks = aiter(utterance)
        await utterance.push(TEXT)
        first = await asyncio.wait_for(anext(chunks), 2)
        assert server.events() == ["config", "text"]
        await utterance.push(" Another.")
        await utterance.end()
        rest = [chunk async for chunk in chunks]
    assert first.seq == 0
    assert rest[-1].seq == len(rest)


async def test_events_tell_everything_in_order(server: FakeServer) -> None:
    async with Client(server.address) as client, client.utterance(seed=11) as utterance:
        await utterance.push("Half a")
        flush_id = await utterance.flush()
        await utterance.push(" sentence", flush=True)
        await utterance.end()
        await utterance.end()  # idempotent
        events = [event async for event in utterance.events()]
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert [event.flush_id for event in events if isinstance(event, FlushDone)] == [flush_id, flush_id + 1]
    assert server.events() == ["config", "text", "flush", "text", "flush", "end_of_input"]
    assert utterance.started
    assert utterance.started.seed == 11
    assert utterance.finished
    assert utterance.finished.usage.samples == utterance.record.num_samples
    assert len(utterance.record.receipts) == sum(isinstance(event, Chunk) for event in events)


async def test_many_utterances_share_one_client(server: FakeServer) -> None:
    async def say(client: Client, text: str) -> int:
        return sum([chunk.num_samples async for chunk in client.say(text)])

    async with Client(server.address) as client:
        counts = await asyncio.gather(*(say(client, "x" * length + ".") for length in (1, 5, 9)))
    assert counts == [round(((length + 1) * 0.05 + 0.03) * 24000) for length in (1, 5, 9)]


async def test_cancel_ends_iteration_and_the_call_at_once(server: FakeServer) -> None:
    async with Client(server.address) as client, client.utterance() as utterance:
        await utterance.push("A long sentence. " * 20)
        async for chunk in utterance:
            if chunk.seq == 2:
                await utterance.cancel()
        assert chunk.seq == 2
        assert await asyncio.to_thread(server.stream_over.wait, 2)
        with pytest.raises(UtteranceClosed, match="cancelled"):
            await utterance.push("more")


async def test_leaving_the_block_cancels_what_still_runs(server: FakeServer) -> None:
    async with Client(server.address) as client:
        async with client.utterance() as utterance:
            await utterance.push("A long sentence. " * 20)
        assert await asyncio.to_thread(server.stream_over.wait, 2)


async def test_a_cancelled_task_cancels_its_utterance(server: FakeServer) -> None:
    async def listen(client: Client) -> None:
        async with client.utterance() as utterance:
            async for _ in utterance:
                pass

    async with Client(server.address) as client:
        task = asyncio.create_task(listen(client))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.stream_over.wait, 2)


async def test_playback_reports_reach_the_server(server: FakeServer) -> None:
    async with Client(server.address) as client, client.utterance() as utterance:
        await utterance.report_playback(played_samples=5, buffered_samples=7, underruns=1, underrun_s=0.5, stopped=True)
        await utterance.push(TEXT)
        await utterance.end()
        async for _ in utterance:
            pass
    report = server.requests[1].playback
    assert (report.played_samples, report.buffered_samples, report.underruns) == (5, 7, 1)
    assert report.underrun_total == Duration(nanos=500_000_000)
    assert report.stopped


async def test_warnings_do_not_stop_the_utterance(server: FakeServer) -> None:
    def script(requests: Requests, context: grpc.ServicerContext) -> Responses:
        yield pb.SynthesizeResponse(warning=pb.Warning(reason="DRAINING", message="soon gone"))
        yield from speak(requests, context)

    server.script = script
    async with Client(server.address) as client, client.utterance() as utterance:
        await utterance.push(TEXT)
        await utterance.end()
        assert [chunk async for chunk in utterance]
    assert [(warning.reason, warning.message) for warning in utterance.warnings] == [("DRAINING", "soon gone")]
    assert isinstance(utterance.warnings[0], ServerWarning)


async def test_receipts_are_stamped_while_the_users_loop_is_blocked(server: FakeServer) -> None:
    """What is received is stamped by the reader thread. A user's loop that is busy for a while takes the chunks late;
    it does not make them late."""
    async with Client(server.address) as client, client.utterance() as utterance:
        await utterance.push(TEXT)
        await utterance.end()
        time.sleep(1.5)
        async for _ in utterance:
            pass
        receipts = utterance.record.receipts
        late_ns = receipts[0].taken_ns - receipts[-1].received_ns
    assert late_ns > 0.2e9


async def test_a_user_who_does_not_take_stops_the_server(server: FakeServer) -> None:
    """Chunks wait in the bounded buffer and in the transport's window, 64 KiB; then the server's writes block."""
    written = 0

    def endless(requests: Requests, context: grpc.ServicerContext) -> Responses:
        nonlocal written
        config = next(requests).config
        voice = Voice(config)
        yield started(config, voice)
        while context.is_active():
            for response in voice.speak("xx"):  # 100 ms, 4800 bytes
                written += 1
                yield response

    server.script = endless
    async with Client(server.address, receive_capacity=4) as client, client.utterance():
        before = -1
        async with asyncio.timeout(10):
            while written != before:
                before = written
                await asyncio.sleep(0.5)
    assert 4 <= written <= 40


async def talk_to(client: Client, voice: str) -> None:
    """Pushes in many small pieces, so that a refusal falls between them."""
    async with client.utterance(voice=voice) as utterance:
        for _ in range(10):
            await utterance.push("text ")
        await utterance.end()
        async for _ in utterance:
            pass


@pytest.mark.parametrize("attempt", range(3))
async def test_a_quick_refusal_always_tells_its_reason(server: FakeServer, attempt: int) -> None:
    """grpc/grpc#36066: `call.write` replaced the server's INVALID_ARGUMENT by `INTERNAL: Internal error from Core` when
    the stream ended under it. Push and iteration must both tell what the server said, every time."""
    async with Client(server.address) as client:
        for _ in range(QUICK_REFUSALS // 3):
            with pytest.raises(InvalidArgument) as caught:
                await talk_to(client, "bob")
            assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
            assert [violation.field for violation in caught.value.violations] == ["config.voice"]
            assert "available: anna, karl" in str(caught.value)
            assert caught.value.reason == "INVALID_FIELD"


async def test_a_busy_server_says_when_to_come_back(server: FakeServer) -> None:
    """Every time, though it refuses without having read the first message."""

    def busy(requests: Requests, context: grpc.ServicerContext) -> Responses:
        retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))
        abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "4 of 4 utterances are running", retry)
        yield pb.SynthesizeResponse()

    server.script = busy
    async with Client(server.address) as client:
        for _ in range(FIRST_REFUSALS):
            with pytest.raises(ServerBusy, match=r"4 of 4 .* retry in 2\.5 s") as caught:
                _ = [chunk async for chunk in client.say(TEXT)]
            assert caught.value.retry_after_s == 2.5


async def test_text_after_the_end_is_refused_here(server: FakeServer) -> None:
    async with Client(server.address) as client, client.utterance() as utterance:
        await utterance.push(TEXT)
        await utterance.end()
        with pytest.raises(UtteranceClosed, match="after end"):
            await utterance.push("more")
        with pytest.raises(UtteranceClosed, match="after end"):
            await utterance.flush()


async def test_a_report_after_the_call_is_over_says_so(server: FakeServer) -> None:
    async with Client(server.address) as client, client.utterance() as utterance:
        await utterance.push(TEXT)
        await utterance.end()
        async for _ in utterance:
            pass
        with pytest.raises(UtteranceClosed, match="has ended"):
            await utterance.report_playback(played_samples=1, buffered_samples=0)


async def test_a_server_that_breaks_off_or_cancels_is_an_error_after_the_audio(server: FakeServer) -> None:
    def broken(requests: Requests, context: grpc.ServicerContext) -> Responses:
        voice = Voice(next(requests).config)
        yield from voice.speak("x")
        context.abort(grpc.StatusCode.CANCELLED, "gone")

    server.script = broken
    async with Client(server.address) as client, client.utterance() as utterance:
        chunks = aiter(utterance)
        assert (await anext(chunks)).seq == 0
        with pytest.raises(ServerFailed) as caught:
            await anext(chunks)
    assert caught.value.code is grpc.StatusCode.CANCELLED


async def test_a_server_that_goes_away_is_unreachable() -> None:
    with FakeServer() as server:
        async with Client(server.address, resume_s=0) as client, client.utterance() as utterance:
            await utterance.push("A long sentence. " * 20)
            server.stop()
            with pytest.raises(ServerUnreachable):
                async for _ in utterance:
                    pass


async def test_nobody_there_is_said_at_once_and_with_advice() -> None:
    before = time.monotonic()
    with pytest.raises(ServerUnreachable, match="python -m service"):
        async with Client("127.0.0.1:1"):
            pass
    assert time.monotonic() - before < 2
    assert client_threads() == []


async def test_a_server_of_something_else_is_named() -> None:
    from concurrent.futures import ThreadPoolExecutor

    other = grpc.server(ThreadPoolExecutor(1))
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    try:
        with pytest.raises(NotGapless):
            async with Client(f"127.0.0.1:{port}"):
                pass
    finally:
        other.stop(None).wait()


async def test_voices_and_info(server: FakeServer) -> None:
    async with Client(server.address) as client:
        voices, info = await client.voices(), await client.info()
        assert client.server.model == "tone"
    assert [(voice.name, voice.is_default) for voice in voices] == [("anna", False), ("karl", True)]
    assert info.native_sample_rate == 24000
    assert info.encodings == (Encoding.S16, Encoding.F32)
    assert info.features["playback_reports"]


async def test_the_clock_is_probed_to_within_its_error(server: FakeServer) -> None:
    server.clock_shift_ns = 3_000_000_000
    async with Client(server.address) as client:
        clock = await client.probe_clock()
    assert abs(clock.offset_ns - 3_000_000_000) <= clock.error_ns + 1_000_000
    assert 0 < clock.error_ns < 100_000_000


async def test_no_thread_outlives_the_client(server: FakeServer) -> None:
    async with Client(server.address) as client:
        async for _ in client.say(TEXT):
            pass
        await client.probe_clock()
        assert client_threads() == ["gapless-reader"]
    assert client_threads() == []


async def test_a_closed_client_says_so(server: FakeServer) -> None:
    client = Client(server.address)
    with pytest.raises(ClientClosed):
        await client.voices()
    async with client:
        utterance = client.utterance()
    with pytest.raises(ClientClosed):
        async with utterance:
            pass
    await client.close()


async def test_cancelled_utterances_leave_nothing(server: FakeServer) -> None:
    async with Client(server.address) as client:
        for count in range(50):
            async with client.utterance() as utterance:
                await utterance.push(TEXT)
                await asyncio.sleep(count % 5 * 0.002)
        assert client_threads() == ["gapless-reader"]
        assert [chunk async for chunk in client.say(TEXT)]


async def test_an_utterance_outside_of_the_block_says_what_is_missing() -> None:
    """It raised AttributeError."""
    with pytest.raises(ClientClosed, match="async with"):
        Client().utterance()


async def test_a_cancel_just_after_the_call_has_opened_ends_the_call(server: FakeServer) -> None:
    """The call had opened on the reader's loop, the cancel came before the program's task heard of it, and nobody was
    left who would have ended the call."""
    async with Client(server.address) as client:
        utterance = client.utterance()
        reader = utterance._reader

        class CancelledAtTheLastMoment:
            async def run(self, work: Coroutine[Any, Any, Any]) -> None:
                await reader.run(work)
                utterance._reader = reader
                raise asyncio.CancelledError

        utterance._reader = cast(Any, CancelledAtTheLastMoment())
        with pytest.raises(asyncio.CancelledError):
            await utterance.__aenter__()
        assert await asyncio.to_thread(server.stream_over.wait, 2)


async def test_an_end_that_was_not_sent_does_not_count(server: FakeServer) -> None:
    """`end()` was cancelled before it was sent, and called again it did nothing: the server waited for ever."""
    async with Client(server.address) as client, client.utterance() as utterance:
        assert utterance._call._call
        await utterance._call._call._writing.acquire()  # gRPC is busy
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(utterance.end(), 0.05)
        utterance._call._call._writing.release()
        await utterance.end()
        async with asyncio.timeout(2):
            while server.events() != ["config", "end_of_input"]:
                await asyncio.sleep(0.01)


async def test_closing_does_not_stop_the_program_s_loop(server: FakeServer) -> None:
    """Closing joined the reader's thread on the loop of the program: what ran there meanwhile stood still."""
    client = Client(server.address)
    await client.__aenter__()
    assert client._reader
    client._routes.channels = [cast(Any, ClosedAtOnce())]
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await client.close()
    ticking.cancel()
    assert ticks > 10
    assert client_threads() == []


class ClosedAtOnce:
    async def close(self, grace: None) -> None:
        asyncio.get_running_loop().call_soon(time.sleep, 0.5)
