"""Opus on the wire: packets that give exactly the samples that are announced, at a tenth of PCM's bytes."""

from __future__ import annotations

import time

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from numpy.typing import NDArray

from benchmarks.support.tcp_relay import relay
from client import Client, ServerFailed, Unsupported, _opus
from gapless.doors.encoders import opus
from gapless.tts.v1 import tts_pb2 as pb
from tests.doors.decoding import delay, spectral_distance_db
from tests.fakes import SAMPLE_RATE, Script, speech_of_text
from tests.service.conftest import Served, serve_scripted
from tests.service.talk import Heard, detail, end, say, seeded, text

SENTENCE = "Opus is what far away listeners hear."
SLOW_LINE = 64_000 / 8  # bytes a second
ROUNDS = 5
MOST_COMPLEX = 10


async def heard_in(served: Served, rate: int, encoding: pb.AudioEncoding) -> Heard:
    audio_format = pb.AudioFormat(sample_rate_hertz=rate, encoding=encoding)
    return await say(served.stub, [seeded(audio_format=audio_format), text(SENTENCE), end()])


def decoded(heard: Heard) -> NDArray[np.int16]:
    """As the contract says, and nothing else known."""
    rate, skip = heard.started.audio_format.sample_rate_hertz, heard.started.pre_skip_samples
    decoder = _opus.opuslib().Decoder(rate, 1)
    kept, segment = [], b""
    for chunk in heard.chunks:
        assert sum(chunk.packet_bytes) == len(chunk.data)
        at, counted = 0, len(segment)
        for length in chunk.packet_bytes:
            packet = decoder.decode(chunk.data[at : at + length], rate)
            assert len(packet) == 2 * rate // 50
            segment, at = segment + packet, at + length
        assert len(segment) - counted <= 2 * (chunk.num_samples + skip + rate // 50)
        kept.append(segment[counted or 2 * skip :][: 2 * chunk.num_samples])
        if chunk.end_of_segment:
            segment = b""
    return np.frombuffer(b"".join(kept), "<i2")


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
async def test_packets_give_the_samples_that_are_announced(served: Served, rate: int) -> None:
    packets, pcm = [
        await heard_in(served, rate, encoding) for encoding in (pb.AUDIO_ENCODING_OPUS, pb.AUDIO_ENCODING_PCM_S16LE)
    ]
    spoken, heard = np.frombuffer(pcm.pcm, "<i2"), decoded(packets)
    assert packets.started.audio_format == pb.AudioFormat(encoding=pb.AUDIO_ENCODING_OPUS, sample_rate_hertz=rate)
    assert (packets.started.pre_skip_samples, pcm.started.pre_skip_samples) == (rate // 50 + rate // 400, 0)
    assert packets.finished.usage.samples == pcm.finished.usage.samples == len(spoken) == len(heard)
    counts = [chunk.num_samples for chunk in packets.chunks]
    assert [chunk.first_sample for chunk in packets.chunks] == list(np.cumsum([0, *counts])[:-1])
    ends = [
        [chunk.first_sample + chunk.num_samples for chunk in one.chunks if chunk.end_of_segment]
        for one in (packets, pcm)
    ]
    assert ends[0] == ends[1]  # nothing of a segment waits for the next one
    assert delay(heard.astype(np.float32), spoken.astype(np.float32), rate // 50) <= 1
    # Tones are hard at so few bits; a voice is nearer (tests/doors/test_encoders.py).
    assert spectral_distance_db(heard.astype(np.float32), spoken.astype(np.float32)) < 6.0


async def test_our_client_decodes_them(served: Served) -> None:
    spoken = speech_of_text(SENTENCE, seed=3, voice="anna")
    async with Client(served.address) as client, client.utterance(encoding="opus", seed=3, voice="anna") as utterance:
        await utterance.push(SENTENCE)
        await utterance.end()
        chunks = [chunk async for chunk in utterance]
        assert "opus" in client.server.encodings
    heard = np.concatenate([chunk.samples for chunk in chunks])
    assert [len(chunk.samples) for chunk in chunks] == [chunk.num_samples for chunk in chunks]
    assert len(heard) == len(spoken)
    assert delay(heard, spoken, SAMPLE_RATE // 50) == 0
    assert sum(len(packet) for chunk in chunks for packet in chunk.packets) < len(heard) * 2 / 8
    assert utterance.started is not None
    assert utterance.started.encoding == "opus"


@pytest.mark.parametrize("rate", [22_050, 44_100])
async def test_rates_that_opus_has_not_are_refused_by_name(served: Served, rate: int) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=f"Opus has no {rate} Hz; available: 8000, ") as failure:
        await heard_in(served, rate, pb.AUDIO_ENCODING_OPUS)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    request = detail(failure.value, error_details_pb2.BadRequest)
    assert request is not None
    assert request.field_violations[0].field == "config.audio_format.sample_rate_hertz"


async def test_a_server_without_libopus_says_so(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    info = await served.stub.GetServerInfo(pb.GetServerInfoRequest())
    assert pb.AUDIO_ENCODING_OPUS in info.encodings
    monkeypatch.setattr(opus, "why_not", lambda: "libopus is not installed on this machine")
    info = await served.stub.GetServerInfo(pb.GetServerInfoRequest())
    assert pb.AUDIO_ENCODING_OPUS not in info.encodings
    with pytest.raises(grpc.aio.AioRpcError, match="AUDIO_ENCODING_OPUS is not available: libopus") as failure:
        await heard_in(served, 0, pb.AUDIO_ENCODING_OPUS)
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_client_without_libopus_says_so(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise Unsupported("Opus needs libopus")

    monkeypatch.setattr("client._wire.opuslib", missing)
    async with Client(served.address) as client:
        with pytest.raises(Unsupported, match="libopus"):
            client.utterance(encoding="opus")


def test_packets_that_are_none_are_the_servers_failure() -> None:
    with pytest.raises(ServerFailed, match="no Opus"):
        _opus.PacketDecoder(SAMPLE_RATE, 60).decode([b"\xff" * 50], 420, False)
    with pytest.raises(ServerFailed, match="hold 0 of 420 samples"):
        _opus.PacketDecoder(SAMPLE_RATE, 60).decode([], 420, False)
    with pytest.raises(ServerFailed, match="have 5 bytes, its message 4"):
        _opus.split(b"abcd", [2, 3])


def test_a_second_of_speech_takes_little_of_a_processor() -> None:
    """2 ms on a machine that does nothing else (benchmarks.latency.opus); twice that where others work beside it. And
    half of what libopus can do, which does not depend on the machine."""
    ours = min(_encoding_s(opus.COMPLEXITY) for _ in range(ROUNDS))
    assert ours < 4e-3
    assert ours < 0.7 * min(_encoding_s(MOST_COMPLEX) for _ in range(ROUNDS))


def _encoding_s(complexity: int) -> float:
    """Of this thread's processor time for a second."""
    spoken = speech_of_text(SENTENCE, seed=3, voice="anna")
    encoder = opus.PacketEncoder(SAMPLE_RATE, complexity=complexity)
    began_s = time.thread_time()
    for at in range(0, len(spoken), SAMPLE_RATE // 2):
        encoder.encode(spoken[at : at + SAMPLE_RATE // 2])
    return (time.thread_time() - began_s) * SAMPLE_RATE / len(spoken)


async def test_a_slow_line_carries_opus_without_a_gap_and_pcm_not() -> None:
    """64 kbit/s, speech at twice real time. What counts is the least time to wait before playing."""
    async with serve_scripted(voices={"anna": Script(token_s=0.02)}) as served:
        with relay(served.address) as network:
            async with Client(network.address) as client:
                network.limit("down", SLOW_LINE)
                assert await _least_wait_s(client, "opus") < 0.3
                assert await _least_wait_s(client, "pcm_s16le") > 1.0


async def _least_wait_s(client: Client, encoding: str) -> float:
    """For the first second of speech, from the first chunk on."""
    first_s, spoken_s, wait_s = 0.0, 0.0, 0.0
    async for chunk in client.say("word " * 6, voice="anna", encoding=encoding, max_lead=0):
        first_s = first_s or time.monotonic()
        wait_s = max(wait_s, time.monotonic() - first_s - spoken_s)
        spoken_s += chunk.duration_s
        if wait_s > 1.0:
            break
    return wait_s
