"""The encoder as a pure function of what went in."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.audio import SAMPLE_RATES, AudioEncoder, AudioFormat, Encoding, encode_samples

NATIVE = 24_000
NOISE = np.random.default_rng(1).standard_normal(NATIVE + 17).astype(np.float32) * 0.3


def encoded(encoder: AudioEncoder, samples: NDArray[np.float32], cuts: list[int]) -> bytes:
    pieces = [encoder.encode(piece, False) for piece in np.split(samples, cuts)]
    pieces.append(encoder.encode(samples[:0], True))
    assert encoder.position == sum(piece.num_samples for piece in pieces)
    return b"".join(piece.data for piece in pieces)


@pytest.mark.parametrize("rate", SAMPLE_RATES)
def test_cutting_does_not_matter(rate: int) -> None:
    audio_format = AudioFormat(encoding=Encoding.PCM_F32LE, sample_rate=rate)
    cuts = sorted(np.random.default_rng(rate).integers(0, len(NOISE), 40).tolist())
    whole = encoded(AudioEncoder(audio_format, NATIVE), NOISE, [])
    assert encoded(AudioEncoder(audio_format, NATIVE), NOISE, cuts) == whole


@pytest.mark.parametrize("rate", SAMPLE_RATES)
@pytest.mark.parametrize("n", [0, 1, 2, 13, 960, 2_401, 23_999])
def test_the_sample_count_is_rounded_half_up(rate: int, n: int) -> None:
    encoder = AudioEncoder(AudioFormat(encoding=Encoding.ALAW, sample_rate=rate), NATIVE)
    pcm = encoded(encoder, NOISE[:n], [n // 2])
    assert len(pcm) == encoder.position == int(n * rate / NATIVE + 0.5)


@pytest.mark.parametrize("rate", SAMPLE_RATES)
def test_segments_add_up_and_each_is_given_whole(rate: int) -> None:
    encoder = AudioEncoder(AudioFormat(encoding=Encoding.PCM_S16LE, sample_rate=rate), NATIVE)
    taken = 0
    for n in (961, 1, 2_003, 7, 4_801):
        encoder.encode(NOISE[:n], end_of_segment=True)
        taken += n
        assert encoder.position == encoder.to_output(taken)
        assert encoder.held_s < 1 / rate


def test_f32_without_resampling_is_bit_for_bit() -> None:
    encoder = AudioEncoder(AudioFormat(encoding=Encoding.PCM_F32LE, sample_rate=NATIVE), NATIVE)
    assert encoded(encoder, NOISE, [5, 1_000]) == NOISE.tobytes()


def test_loud_samples_are_clipped_not_wrapped() -> None:
    loud = np.array([-2.0, -1.0, 1.0, 2.0], np.float32)
    assert np.frombuffer(encode_samples(loud, Encoding.PCM_S16LE), "<i2").tolist() == [-32767, -32767, 32767, 32767]


def test_g711_codes_are_the_standards() -> None:
    """Silence and full scale of ITU-T G.711: inverted mu-law, A-law with its even bits toggled."""
    samples = np.array([0.0, 1.0, -1.0], np.float32)
    assert encode_samples(samples, Encoding.MULAW) == b"\xff\x80\x00"
    assert encode_samples(samples, Encoding.ALAW) == b"\xd5\xaa\x2a"


@pytest.mark.parametrize("rate", SAMPLE_RATES)
def test_the_resampler_holds_back_little(rate: int) -> None:
    encoder = AudioEncoder(AudioFormat(encoding=Encoding.PCM_S16LE, sample_rate=rate), NATIVE)
    worst = 0.0
    for piece in np.split(NOISE, range(480, len(NOISE), 480)):
        encoder.encode(piece, end_of_segment=False)
        worst = max(worst, encoder.held_s)
    assert worst <= (0.075 if rate == 8_000 else 0.040)
