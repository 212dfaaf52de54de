"""max_lead: the arithmetic over a virtual clock, and what it means for a client over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import time

import grpc
import pytest

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from service.pacing import Pacer
from tests.service.conftest import Serve
from tests.service.talk import end, playback, say, seeded, text
from tests.service.test_synthesize import expected_pcm

RATE = 1_000  # samples a second: one sample is one millisecond


class Clock:
    def __init__(self) -> None:
        self.now_ns = 5_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def pacer(clock: Clock, max_lead_s: float) -> Pacer:
    return Pacer(max_lead_s=max_lead_s, sample_rate=RATE, now_ns=clock)


def test_nothing_waits_within_the_lead(clock: Clock) -> None:
    pace = pacer(clock, 1.0)
    pace.on_sent(600)
    assert pace.wait_s(400) == 0.0
    assert pace.wait_s(401) == pytest.approx(0.001)


def test_without_reports_the_listener_plays_in_real_time_since_the_first_chunk(clock: Clock) -> None:
    pace = pacer(clock, 1.0)
    clock.advance(100)  # nobody listens before the first chunk
    pace.on_sent(1_000)
    assert pace.wait_s(250) == pytest.approx(0.25)
    clock.advance(0.1)
    assert pace.listener == 100
    assert pace.wait_s(250) == pytest.approx(0.15)
    clock.advance(0.15)
    assert pace.wait_s(250) == 0.0


def test_a_starving_listener_stands_still(clock: Clock) -> None:
    pace = pacer(clock, 1.0)
    pace.on_sent(100)
    clock.advance(10)
    assert pace.listener == 100
    pace.on_sent(1_000)
    assert pace.listener == 100
    assert pace.wait_s(1) == pytest.approx(0.001)


def test_a_report_moves_the_listener_either_way(clock: Clock) -> None:
    pace = pacer(clock, 1.0)
    pace.on_sent(1_000)
    clock.advance(0.5)
    pace.report(900)
    assert (pace.listener, pace.wait_s(900)) == (900, 0.0)
    pace.report(200)
    assert pace.wait_s(300) == pytest.approx(0.1)
    clock.advance(0.06)
    assert pace.listener == 260


def test_a_chunk_longer_than_the_lead_goes_when_all_before_it_was_played(clock: Clock) -> None:
    pace = pacer(clock, 0.01)
    assert pace.wait_s(500) == 0.0
    pace.on_sent(500)
    assert pace.wait_s(500) == pytest.approx(0.5)
    clock.advance(0.5)
    assert pace.wait_s(500) == 0.0


def test_zero_is_as_fast_as_possible(clock: Clock) -> None:
    pace = pacer(clock, 0.0)
    pace.on_sent(10**9)
    assert pace.wait_s(10**9) == 0.0


def test_the_lead_is_never_exceeded(clock: Clock) -> None:
    """Any chunk sizes: whenever the pacer lets a chunk go, it ends within the lead."""
    pace = pacer(clock, 0.4)
    for size in [40, 200, 333, 400, 1, 77, 399] * 20:
        clock.advance(pace.wait_s(size))
        pace.on_sent(size)
        assert pace.sent - pace.listener <= 400


def lead(seconds: float) -> pb.StreamingConfig:
    streaming = pb.StreamingConfig()
    streaming.max_lead.FromNanoseconds(round(seconds * 1e9))
    return streaming


LONG = text("One two three four five six seven eight nine ten. " * 4)


async def test_a_client_that_never_reads_holds_at_most_the_lead_and_the_channel(serve: Serve) -> None:
    async with serve(channel_s=0.5) as served:
        call = served.stub.Synthesize()
        started_s = time.monotonic()
        for request in (seeded(streaming=lead(1.0)), LONG, end()):
            await call.write(request)
        await asyncio.sleep(0.5)
        assert served.engine.stats().samples_unreleased <= 0.5 * 24_000
        received = 0  # what the transport took: all that can be read without waiting long
        async with asyncio.timeout(5):
            while received <= 24_000:
                received += (await call.read()).audio.num_samples
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                while event := await call.read():
                    received += event.audio.num_samples
        elapsed_s = time.monotonic() - started_s
        assert 24_000 < received <= (1.0 + elapsed_s) * 24_000


async def test_a_client_that_never_reads_does_not_keep_its_slot(serve: Serve) -> None:
    """Not even without pacing: the write blocks when the transport is full, and that is waited for once."""
    async with serve(idle_timeout_s=0.3) as served:
        stalled = [("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(served.address, stalled) as channel:
            call = tts_pb2_grpc.TextToSpeechServiceStub(channel).Synthesize()
            for request in (seeded(streaming=lead(0)), LONG, end()):
                await call.write(request)
            await asyncio.sleep(0.1)
            assert served.engine.stats().slots_in_use == 1
            async with asyncio.timeout(5):
                while served.engine.stats().slots_in_use:
                    await asyncio.sleep(0.01)
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                async for _ in call:
                    pass
            assert failure.value.code() is grpc.StatusCode.ABORTED
            assert "nothing was read for 0.3 s" in (failure.value.details() or "")


async def test_reports_that_the_listener_is_behind_hold_audio_back(serve: Serve) -> None:
    async with serve() as served:
        call = served.stub.Synthesize()
        for request in (seeded(streaming=lead(0.5)), LONG, end()):
            await call.write(request)
        received, until_s = 0, time.monotonic() + 1.0
        async for event in call:
            received += event.audio.num_samples
            await call.write(playback(0))  # paused: never plays
            if time.monotonic() > until_s or received >= 0.3 * 24_000:
                break
        for _ in range(10):
            await call.write(playback(0))
            await asyncio.sleep(0.05)
        assert served.engine.stats().samples_unreleased > 0
        call.cancel()


async def test_reports_let_a_fast_listener_have_everything(serve: Serve) -> None:
    """A listener who plays faster than real time is followed, not the clock."""
    async with serve() as served:
        call = served.stub.Synthesize()
        sentence = "Some words of a sentence to hear, and as many of them behind."
        for request in (seeded(streaming=lead(0.3)), text(sentence + " ")):  # the call stays open, to be written to
            await call.write(request)
        received, start_s = 0, time.monotonic()
        while received < len(expected_pcm(sentence)) // 2:
            received += (await call.read()).audio.num_samples
            await call.write(playback(received))
        assert received > 2.0 * 24_000
        assert time.monotonic() - start_s < 1.6


async def test_max_lead_zero_is_not_paced(serve: Serve) -> None:
    async with serve(max_lead_s=0.1) as served:
        async with asyncio.timeout(3):
            heard = await say(served.stub, [seeded(streaming=lead(0)), LONG, end()])
        assert heard.finished.usage.samples > 24_000 * 4
        assert all(chunk.timings.paced.ToNanoseconds() < 50_000_000 for chunk in heard.chunks)
