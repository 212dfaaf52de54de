"""Every rate and encoding over the wire: exact sample counts, and the same sound as without encoding."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from gapless.tts.v1 import tts_pb2 as pb
from tests.fakes import SAMPLE_RATE, speech_of
from tests.service.conftest import Served
from tests.service.talk import end, say, seeded, text

SENTENCE = "Hello world, this is gapless."
WORDS = [speech_of(word, seed=7, voice="anna") for word in SENTENCE.split()]
SPEECH = np.concatenate(WORDS)
RATES = [0, 8_000, 16_000, 22_050, 24_000, 44_100, 48_000]
# Bytes a sample, libsndfile's name, and the largest error: a step, and for G.711 half a step at this loudness.
ENCODINGS = {
    pb.AUDIO_ENCODING_UNSPECIFIED: (2, "PCM_16", 1.0 / 32_768),
    pb.AUDIO_ENCODING_PCM_S16LE: (2, "PCM_16", 1.0 / 32_768),
    pb.AUDIO_ENCODING_PCM_F32LE: (4, "FLOAT", 0.0),
    pb.AUDIO_ENCODING_MULAW: (1, "ULAW", 0.009),
    pb.AUDIO_ENCODING_ALAW: (1, "ALAW", 0.009),
}


def decoded(pcm: bytes, subtype: str) -> NDArray[np.float32]:
    samples, _ = soundfile.read(
        io.BytesIO(pcm), dtype="float32", format="RAW", subtype=subtype, channels=1, samplerate=SAMPLE_RATE
    )
    return np.asarray(samples)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=pb.AudioEncoding.Name)
@pytest.mark.parametrize("rate", RATES)
async def test_every_format_is_the_same_sound(served: Served, rate: int, encoding: pb.AudioEncoding) -> None:
    audio_format = pb.AudioFormat(sample_rate_hertz=rate, encoding=encoding)
    heard = await say(served.stub, [seeded(audio_format=audio_format), text(SENTENCE), end()])
    resolved = heard.started.audio_format
    assert resolved.sample_rate_hertz == (rate or SAMPLE_RATE)
    assert resolved.encoding == (encoding or pb.AUDIO_ENCODING_PCM_S16LE)

    same = resolved.sample_rate_hertz == SAMPLE_RATE
    expected = SPEECH if same else np.concatenate([soxr.resample(word, SAMPLE_RATE, rate) for word in WORDS])
    sample_bytes, subtype, tolerance = ENCODINGS[encoding]
    assert heard.finished.usage.samples == len(heard.pcm) // sample_bytes == len(expected)
    assert all(len(chunk.data) == sample_bytes * chunk.num_samples > 0 for chunk in heard.chunks)
    assert [chunk.first_sample for chunk in heard.chunks] == list(
        np.cumsum([0, *[chunk.num_samples for chunk in heard.chunks]])[:-1]
    )
    error = np.abs(decoded(heard.pcm, subtype) - np.clip(expected, -1, 1)).max()
    assert error <= tolerance + (0 if same else 1e-6)
    assert heard.chunks[-1].end_of_segment
