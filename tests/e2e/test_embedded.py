"""The embedded voice over a real socket: what comes out is speech, as announced, the same every time."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from client import Client, Encoding
from client.record import Record
from client.report.metrics import ttfa_ms

TEXT = "The kettle is boiling. Would you like some tea?"
DROPPED_AT_MOST = 1e-3  # of full scale: quieter is silence


async def say(client: Client, text: str, cuts: int = 1, **options: object) -> tuple[NDArray[np.float32], Record]:
    """Pushes `text` in `cuts` pieces; [N] float32 and the record."""
    size = -(-len(text) // cuts)
    async with client.utterance(max_lead=0, **options) as utterance:  # type: ignore[arg-type]
        for at in range(0, len(text), size):
            await utterance.push(text[at : at + size])
        await utterance.end()
        samples = [chunk.samples async for chunk in utterance]
        return np.concatenate(samples), utterance.record


async def test_it_sounds_and_counts_add_up(address: str) -> None:
    async with Client(address) as client:
        samples, record = await say(client, TEXT, seed=1)
    assert record.finished is not None
    assert record.finished.usage.samples == len(samples) == record.num_samples
    assert 2.0 < record.audio_s < 6.0
    assert np.abs(samples).max() > 0.1
    assert np.sqrt(np.mean(samples**2)) > 0.02
    assert np.abs(samples[-240:]).max() < 0.02, "the end is quiet: nothing is cut off"
    assert all(chunk.received_ns for chunk in record.receipts)
    assert len(record.receipts) >= 4


async def test_same_seed_same_audio_however_the_text_comes(address: str) -> None:
    async with Client(address) as client:
        whole, _ = await say(client, TEXT, seed=5)
        pieces, _ = await say(client, TEXT, cuts=len(TEXT), seed=5)
        other, _ = await say(client, TEXT, seed=6)
    assert np.array_equal(whole, pieces)
    assert not np.array_equal(whole, other)


async def test_the_two_voices_differ_in_pitch(address: str) -> None:
    async with Client(address) as client:
        voices = {voice.name for voice in await client.voices()}
        pitch = {voice: _pitch_hz((await say(client, TEXT, seed=1, voice=voice))[0]) for voice in voices}
    assert voices == {"anna", "karl"}
    assert pitch["anna"] > 1.4 * pitch["karl"]


@pytest.mark.parametrize("rate", [0.8, 1.5])
async def test_slower_and_faster_speech_keeps_its_pitch(address: str, rate: float) -> None:
    async with Client(address) as client:
        assert (await client.info()).features["speaking_rate"]
        natural, _ = await say(client, TEXT, seed=1)
        samples, record = await say(client, TEXT, seed=1, speaking_rate=rate)
    assert record.finished is not None
    assert record.finished.usage.samples == len(samples)
    assert len(samples) == pytest.approx(len(natural) / rate, rel=0.03), "the pause between the sentences is as long"
    assert _pitch_hz(samples) == pytest.approx(_pitch_hz(natural), rel=0.05)


async def test_other_rates_and_encodings_carry_the_same_speech(address: str) -> None:
    async with Client(address) as client:
        native, _ = await say(client, TEXT, seed=2, encoding=Encoding.F32)
        wide, _ = await say(client, TEXT, seed=2, sample_rate=48000, encoding=Encoding.F32)
        phone, _ = await say(client, TEXT, seed=2, sample_rate=8000, encoding=Encoding.MULAW)
    assert len(wide) == 2 * len(native)
    assert len(phone) == round(len(native) / 3)
    assert np.abs(wide[::2] - native).max() < 0.05


async def test_text_is_spoken_while_more_is_written(address: str) -> None:
    async with Client(address) as client, client.utterance(max_lead=0) as utterance:
        await utterance.push("The first sentence is complete. The second is n")
        chunks = aiter(utterance)
        async with asyncio.timeout(10):
            await anext(chunks)
        await utterance.push("ot.")
        await utterance.end()
        remaining = [chunk async for chunk in chunks]
    assert remaining[-1].segment == 1


@pytest.mark.real_time
async def test_after_200_cancels_nothing_is_left_and_the_next_is_as_fast(address: str) -> None:
    rng = random.Random(3)
    async with Client(address) as client:
        before = [await _ttfa(client, seed) for seed in range(7)]
        for _ in range(50):
            await asyncio.gather(*(_start_and_cancel(client, rng.random() * 0.12) for _ in range(4)))
        end = time.monotonic() + 5
        while (await client.info()).active_utterances and time.monotonic() < end:
            await asyncio.sleep(0.02)
        assert (await client.info()).active_utterances == 0
        after = [await _ttfa(client, seed) for seed in range(7)]
    assert min(after) < 1.5 * min(before) + 20


async def _ttfa(client: Client, seed: int) -> float:
    _, record = await say(client, TEXT, seed=seed)
    figure = ttfa_ms(record, None)
    assert figure is not None
    return figure


async def _start_and_cancel(client: Client, after_s: float) -> None:
    async with client.utterance() as utterance:
        await utterance.push(TEXT)
        await asyncio.sleep(after_s)
        await utterance.cancel()


async def test_a_foreign_client_without_credit_is_paced(address: str) -> None:
    """A client that never reads, and never says where its listener is, gets max_lead and no more."""
    from gapless.tts.v1 import tts_pb2 as pb
    from gapless.tts.v1.tts_pb2_grpc import TextToSpeechServiceStub

    async with grpc.aio.insecure_channel(address) as channel:
        call = TextToSpeechServiceStub(channel).Synthesize()
        config = pb.SynthesisConfig()
        config.streaming.max_lead.FromMilliseconds(1000)
        started = time.monotonic()
        await call.write(pb.SynthesizeRequest(config=config))
        await call.write(pb.SynthesizeRequest(text=pb.Text(text=TEXT * 4)))
        await call.write(pb.SynthesizeRequest(end_of_input=pb.EndOfInput()))
        await asyncio.sleep(2.0)
        received = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                while True:
                    response = await call.read()
                    assert isinstance(response, pb.SynthesizeResponse)
                    received += response.audio.num_samples
        elapsed = time.monotonic() - started
    assert received > 24000
    assert received <= 24000 * (1.0 + elapsed)  # max_lead, and real time since the first chunk


def _pitch_hz(samples: NDArray[np.float32]) -> float:
    """Median over loud frames with a voice of the autocorrelation's peak between 60 and 400 Hz."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1200)[::60]
    loud = frames[np.sqrt((frames**2).mean(1)) > 0.05]
    spectrum = np.abs(np.fft.rfft(loud * np.hanning(1200), 4096)) ** 2
    correlation = np.fft.irfft(spectrum)
    lags = correlation[:, 60:400]
    voiced = lags.max(1) > 0.5 * correlation[:, 0]
    return float(np.median(24000 / (60 + lags[voiced].argmax(1))))
