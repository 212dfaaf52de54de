"""One utterance over a real socket: what comes, in which order, and that it is the engine's audio."""

from __future__ import annotations

import asyncio
import itertools

import grpc
import numpy as np
import pytest

from gapless.tts.v1 import tts_pb2 as pb
from tests.fakes import speech_of_text
from tests.service.conftest import Served
from tests.service.talk import Request, config, end, playback, say, seeded, text

SENTENCE = "Hello world, this is gapless."


def expected_pcm(sentence: str, *, seed: int = 7, voice: str = "anna") -> bytes:
    samples = speech_of_text(sentence, seed=seed, voice=voice)
    return bytes(np.rint(samples * 32767).astype("<i2"))


async def test_events_come_in_order_and_the_audio_is_the_engines(served: Served) -> None:
    heard = await say(served.stub, [seeded(), text(SENTENCE), end()])
    assert heard.kinds == ["started", *["audio"] * len(heard.chunks), "finished"]
    assert heard.pcm == expected_pcm(SENTENCE)
    assert heard.finished.reason == pb.FINISH_REASON_COMPLETED


async def test_chunks_are_numbered_and_contiguous(served: Served) -> None:
    heard = await say(served.stub, [seeded(), text(SENTENCE), end()])
    assert [chunk.chunk_seq for chunk in heard.chunks] == list(range(len(heard.chunks)))
    ends = itertools.accumulate(chunk.num_samples for chunk in heard.chunks)
    assert [chunk.first_sample for chunk in heard.chunks] == [0, *ends][:-1]
    usage = heard.finished.usage
    assert usage.samples == sum(chunk.num_samples for chunk in heard.chunks) == len(heard.pcm) // 2
    assert usage.audio_duration.ToNanoseconds() == usage.samples * 1_000_000_000 // 24_000
    assert usage.input_characters == len(SENTENCE)


async def test_an_empty_config_is_valid_and_everything_is_resolved(served: Served) -> None:
    heard = await say(served.stub, [config(), text("One."), end()])
    started = heard.started
    assert started.voice == "anna"
    assert started.audio_format == pb.AudioFormat(encoding=pb.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=24_000)
    assert started.streaming.max_lead.seconds == 10
    assert started.streaming.HasField("max_text_delay")
    assert started.limits.max_text_chars == 20_000
    assert started.sampling.HasField("temperature")
    assert started.traceparent == ""
    assert heard.pcm == expected_pcm("One.", seed=started.seed)


@pytest.mark.parametrize(("asked", "in_effect"), [("", "en"), ("de", "de")])
async def test_the_language_reaches_the_engine_and_is_told(served: Served, asked: str, in_effect: str) -> None:
    heard = await say(served.stub, [config(language_code=asked), text("One."), end()])
    assert served.engine.submitted[0].language == asked
    assert heard.started.language_code == in_effect


async def test_half_close_means_end_of_input(served: Served) -> None:
    heard = await say(served.stub, [seeded(), text(SENTENCE)])
    assert heard.pcm == expected_pcm(SENTENCE)


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_cutting_the_text_does_not_change_the_audio(served: Served, size: int) -> None:
    pieces = [text(SENTENCE[start : start + size]) for start in range(0, len(SENTENCE), size)]
    heard = await say(served.stub, [seeded(), *pieces, text(""), end()])
    assert heard.pcm == expected_pcm(SENTENCE)


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
async def test_seeds_reach_the_engine_whole(served: Served, seed: int) -> None:
    heard = await say(served.stub, [seeded(seed=seed), text("One."), end()])
    assert heard.started.seed == seed
    assert heard.pcm == expected_pcm("One.", seed=seed)


async def test_flush_speaks_what_is_there_and_reports_where_it_ended(served: Served) -> None:
    call = served.stub.Synthesize()
    await call.write(seeded())
    await call.write(text("Hello wor"))
    await call.write(Request(flush=pb.Flush(flush_id=2**63)))
    samples = 0
    async for event in call:
        samples += event.audio.num_samples
        if event.HasField("flush_done"):
            break
    assert (event.flush_done.flush_id, event.flush_done.end_sample) == (2**63, samples)
    assert samples == len(expected_pcm("Hello wor")) // 2
    await call.write(text("more"))
    await call.write(Request(flush=pb.Flush()))
    await call.write(end())
    assert [event.flush_done.flush_id async for event in call if event.HasField("flush_done")] == [0]


async def test_a_listener_who_stopped_ends_the_utterance_well(served: Served) -> None:
    call = served.stub.Synthesize()
    for request in (seeded("slow"), text(SENTENCE)):
        await call.write(request)
    async for event in call:
        if event.audio.chunk_seq == 2:
            await call.write(playback(100, stopped=True))
        if event.HasField("finished"):
            break
    assert event.finished.reason == pb.FINISH_REASON_STOPPED
    usage = event.finished.usage
    assert usage.input_characters == len(SENTENCE)
    assert (usage.speech_tokens, usage.windows, usage.t3_time.ToNanoseconds()) > (0, 0, 0)
    assert await call.code() is grpc.StatusCode.OK


async def test_stopping_ends_a_paced_utterance_at_once(served: Served) -> None:
    """The next chunk would be due in hours: the report must wake the writer."""
    call = served.stub.Synthesize()
    lead = pb.StreamingConfig()
    lead.max_lead.FromMilliseconds(1)
    for request in (seeded(streaming=lead), text("Incomprehensibilities."), end()):
        await call.write(request)
    async with asyncio.timeout(5):
        async for event in call:
            if event.HasField("audio") and event.audio.chunk_seq == 0:
                await call.write(playback(0, stopped=True))
    assert event.finished.reason == pb.FINISH_REASON_STOPPED
    assert event.finished.usage.speech_tokens > 0, "all was made by then, and nothing of it was told"


async def test_every_chunk_tells_where_its_time_went(served: Served) -> None:
    heard = await say(served.stub, [seeded("slow"), text("One two."), end()])
    for chunk in heard.chunks:
        timings = chunk.timings
        path = [
            timings.text_received_unix_nanos,
            timings.t3_start_unix_nanos,
            timings.t3_last_token_unix_nanos,
            timings.vocoder_end_unix_nanos,
            timings.taken_unix_nanos,
            timings.write_start_unix_nanos,
        ]
        assert path == sorted(path)
        assert path[0] > 0
        assert timings.HasField("loop_lag_max")
        assert timings.HasField("paced")
        ways = ("engine_sent", "gateway_received", "move_start", "move_end")  # which only a gateway knows
        assert not any(getattr(timings, f"{name}_unix_nanos") for name in ways)


async def test_what_cannot_be_had_is_said_in_warnings(served: Served) -> None:
    wishes = config(
        sampling=pb.SamplingConfig(cfg_weight=0.5),
        streaming=pb.StreamingConfig(want_alignment=True),
        trace_context=pb.TraceContext(traceparent="00-garbage"),
    )
    heard = await say(served.stub, [wishes, text("One."), end()])
    assert heard.warnings == ["SAMPLING_IGNORED", "ALIGNMENT_UNAVAILABLE", "TRACE_CONTEXT_IGNORED"]
    assert not heard.started.streaming.want_alignment
    assert not heard.started.sampling.HasField("cfg_weight")


async def test_playback_reports_reach_the_engine_in_its_own_samples(served: Served) -> None:
    call = served.stub.Synthesize()
    audio_format = pb.AudioFormat(sample_rate_hertz=48_000)
    for request in (seeded("slow", audio_format=audio_format), text("Hello. ")):
        await call.write(request)
    async for event in call:
        if event.audio.chunk_seq == 1:
            await call.write(playback(2_000, buffered_samples=480, underruns=3))
            await call.write(end())
    (report,) = served.engine.playbacks
    assert (report.played_samples, report.buffered_samples, report.underruns) == (1_000, 240, 3)


async def test_utterances_beside_each_other_do_not_mix(served: Served) -> None:
    sentences = ["One two three.", "Four five.", "Six seven eight nine."]
    heard = await asyncio.gather(*[say(served.stub, [seeded("karl"), text(line), end()]) for line in sentences])
    assert [one.pcm for one in heard] == [expected_pcm(line, voice="karl") for line in sentences]
    assert len({one.started.utterance_id for one in heard}) == len(sentences)


async def test_an_engine_failure_ends_its_utterance_with_internal(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await say(served.stub, [seeded("broken"), text("Hello world."), end()])
    assert failure.value.code() is grpc.StatusCode.INTERNAL
    assert (failure.value.details() or "").startswith(
        "the engine failed at this utterance; the server's log tells more"
    )
    assert served.engine.stats().slots_in_use == 0
