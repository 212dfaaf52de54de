"""What a scrape says after utterances that end in every way, and over which socket."""

from __future__ import annotations

import asyncio
import threading
import urllib.request

import grpc
import pytest

from gapless.tts.v1 import tts_pb2 as pb
from service.observability.metrics import Exposition, Metrics
from tests.fakes import DEVICE_BYTES, UTTERANCE_BYTES, Script
from tests.service.conftest import Serve, Served
from tests.service.talk import end, playback, say, seeded, text

WORDS = "Several words are spoken, one after the other."


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def ended(metrics: Metrics, code: str, reason: str = "") -> float | None:
    return value(metrics, "gapless_utterances_total", code=code, reason=reason)


async def becomes_idle(served: Served) -> None:
    while served.engine.stats().utterances:
        await asyncio.sleep(0.002)


async def test_an_utterance_leaves_its_figures(served: Served) -> None:
    heard = await say(served.stub, [seeded("slow"), text(WORDS), end()])
    metrics = served.metrics
    assert ended(metrics, "OK", "COMPLETED") == 1
    assert value(metrics, "gapless_time_to_first_audio_seconds_count") == 1
    assert 0 < (value(metrics, "gapless_time_to_first_audio_seconds_sum") or 0) < 1
    assert value(metrics, "gapless_chunk_slack_seconds_count") == len(heard.chunks) - 1
    assert value(metrics, "gapless_real_time_factor_ratio_count") == 1
    assert (value(metrics, "gapless_event_loop_lag_seconds_count") or 0) >= 10
    assert value(metrics, "gapless_audio_seconds_total") == pytest.approx(heard.finished.usage.samples / 24_000)
    assert value(metrics, "gapless_speech_tokens_total") == heard.finished.usage.speech_tokens
    assert (value(metrics, "gapless_t3_busy_seconds_total") or 0) > 0
    assert value(metrics, "gapless_utterances_active") == 0


async def test_work_and_memory_show_while_they_last(served: Served) -> None:
    call = served.stub.Synthesize([seeded("stuck"), text(WORDS), end()])
    while not (await call.read()).HasField("audio"):
        pass
    metrics = served.metrics
    assert value(metrics, "gapless_utterances_active") == 1
    assert value(metrics, "gapless_utterances_limit") == 4
    assert (value(metrics, "gapless_tokens_waiting") or 0) > 0
    assert value(metrics, "gapless_admitted_memory_bytes") == UTTERANCE_BYTES
    assert value(metrics, "gapless_memory_limit_bytes") == 4 * UTTERANCE_BYTES
    assert (value(metrics, "gapless_voices_memory_bytes") or 0) > 0
    assert value(metrics, "gapless_device_memory_bytes") == DEVICE_BYTES
    call.cancel()
    await becomes_idle(served)
    assert value(metrics, "gapless_admitted_memory_bytes") == 0
    assert ended(metrics, "CANCELLED") == 1


async def test_who_stops_listening_has_not_failed(served: Served) -> None:
    call = served.stub.Synthesize()
    for request in (seeded("stuck"), text(WORDS)):
        await call.write(request)
    async for event in call:
        if event.HasField("audio"):
            await call.write(playback(100, stopped=True))
    assert ended(served.metrics, "OK", "STOPPED") == 1
    assert ended(served.metrics, "OK", "COMPLETED") == 0


async def test_refusals_and_failures_are_told_apart(serve: Serve) -> None:
    async with serve(max_utterances=1) as served:
        running = served.stub.Synthesize([seeded("stuck"), text("Hello. ")])
        await running.read()
        with pytest.raises(grpc.aio.AioRpcError):
            await say(served.stub, [seeded(), text("Hello."), end()])
        running.cancel()
        await becomes_idle(served)
        for requests in ([seeded("broken"), text("Hello world."), end()], [seeded("nobody")]):
            with pytest.raises(grpc.aio.AioRpcError):
                await say(served.stub, requests)
        assert ended(served.metrics, "RESOURCE_EXHAUSTED", "OVERLOADED") == 1
        assert ended(served.metrics, "INTERNAL", "UTTERANCE_FAILED") == 1
        assert ended(served.metrics, "INVALID_ARGUMENT", "UNKNOWN_VOICE") == 1
        assert ended(served.metrics, "OK", "COMPLETED") == 0


async def test_calls_that_are_no_utterances_are_not_counted_as_such(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await served.stub.DeleteVoice(pb.DeleteVoiceRequest(name="nobody"))
    samples = [sample for metric in served.metrics.registry.collect() for sample in metric.samples]
    assert sum(one.value for one in samples if one.name == "gapless_utterances_total") == 0


async def test_chunks_that_come_too_late_are_below_zero(serve: Serve) -> None:
    """600 ms of work for 80 ms of speech."""
    async with serve(voices={"late": Script(token_s=0.3, window_tokens=2)}) as served:
        await say(served.stub, [seeded("late"), text("Steady."), end()])
        late = value(served.metrics, "gapless_chunk_slack_seconds_bucket", le="0.0")
        assert late == value(served.metrics, "gapless_chunk_slack_seconds_count")
        assert late
        assert late >= 3


async def test_whether_it_serves_is_told_as_health_tells_it(served: Served) -> None:
    assert value(served.metrics, "gapless_serving") == 1
    await served.server.stop(asyncio.Event())
    assert value(served.metrics, "gapless_serving") == 0


def test_servers_in_one_process_count_for_themselves() -> None:
    one, other = Metrics(), Metrics()
    one.ended("OK", "COMPLETED")
    assert (ended(one, "OK", "COMPLETED"), ended(other, "OK", "COMPLETED")) == (1, 0)


async def test_a_scrape_is_served_over_http_until_it_is_closed(served: Served) -> None:
    exposition = Exposition(served.metrics.registry, "127.0.0.1", 0)
    try:
        assert "metrics" in {thread.name for thread in threading.enumerate()}
        url = f"http://127.0.0.1:{exposition.port}/metrics"
        with await asyncio.to_thread(urllib.request.urlopen, url, timeout=5) as reply:
            page = reply.read().decode()
        assert 'gapless_info{device="cpu",model="scripted",variant="scripted",version="test"} 1.0' in page
        assert "# TYPE gapless_time_to_first_audio_seconds histogram" in page
    finally:
        await asyncio.to_thread(exposition.close)
    assert "metrics" not in {thread.name for thread in threading.enumerate()}
    again = Exposition(served.metrics.registry, "127.0.0.1", exposition.port)
    with pytest.raises(OSError, match="in use"):
        Exposition(served.metrics.registry, "127.0.0.1", exposition.port)
    await asyncio.to_thread(again.close)
