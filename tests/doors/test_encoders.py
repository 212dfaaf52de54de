"""Encoders: what goes in comes out, however it was cut, and as soon as it is there."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import opuslib_next
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from gapless.doors.encoders import Encoder, ogg, opus
from gapless.doors.encoders.libsndfile import FlacEncoder, LibsndfileOpusEncoder
from gapless.doors.encoders.mp3 import DELAY_SAMPLES, Mp3Encoder
from gapless.doors.encoders.ogg import OggOpusEncoder
from gapless.doors.encoders.raw import PcmEncoder, WavEncoder
from tests.doors.decoding import decoded, decoded_flac, delay, spectral_distance_db
from tests.fakes import speech_of_text

RATE = 24_000  # Hz
MP3_FRAME = 576  # samples, at this rate
Make = Callable[[int], Encoder]


def speech() -> NDArray[np.int16]:
    samples = speech_of_text("The quick brown fox jumps over the lazy dog", seed=1, voice="anna")
    return np.rint(samples * 32767).astype(np.int16)


def recorded(rate: int) -> NDArray[np.float32]:
    """A voice. [N]"""
    samples, recorded_rate = soundfile.read(Path(__file__).parents[2] / "docs/samples/karl.ogg", dtype="float32")
    resampled: NDArray[np.float32] = soxr.resample(samples, recorded_rate, rate)
    return resampled


def file_of(encoder: Encoder, samples: NDArray[np.int16], piece: int) -> bytes:
    pieces = [samples[at : at + piece].astype("<i2").tobytes() for at in range(0, len(samples), piece)]
    return b"".join((encoder.begin(), *map(encoder.encode, pieces), encoder.finish()))


@pytest.mark.parametrize("piece", [7, 480, 100_000])
def test_lossless_is_bit_for_bit(piece: int) -> None:
    samples, rate = decoded(file_of(WavEncoder(RATE), speech(), piece))
    assert rate == RATE
    np.testing.assert_array_equal(samples, speech())
    flac = file_of(FlacEncoder(RATE), speech(), piece)
    np.testing.assert_array_equal(decoded_flac(flac, len(speech())), speech())


def test_pcm_is_what_it_was() -> None:
    assert file_of(PcmEncoder(), speech(), 480) == speech().tobytes()


def test_a_wav_is_read_by_the_standard_library_too() -> None:
    """Home Assistant reads with `wave`, whose count of frames is what the head says and not what is there."""
    with wave.open(io.BytesIO(file_of(WavEncoder(RATE), speech(), 480))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert file.readframes(file.getnframes()) == speech().tobytes()


@pytest.mark.parametrize("make", [OggOpusEncoder, LibsndfileOpusEncoder, Mp3Encoder])
def test_cutting_does_not_matter(make: Make) -> None:
    whole = decoded(file_of(make(RATE), speech(), 100_000))[0]
    np.testing.assert_array_equal(decoded(file_of(make(RATE), speech(), 333))[0], whole)


def test_mp3_sounds_the_same_and_is_as_long_within_a_frame() -> None:
    spoken = speech()
    heard, rate = decoded(file_of(Mp3Encoder(RATE), spoken, 480))
    assert rate == RATE
    assert delay(heard.astype(np.float32), spoken.astype(np.float32), 4000) == DELAY_SAMPLES
    assert 0 <= len(heard) - DELAY_SAMPLES - len(spoken) < MP3_FRAME
    assert spectral_distance_db(heard[DELAY_SAMPLES:].astype(np.float32), spoken.astype(np.float32)) < 3.0


@pytest.mark.parametrize("make", [OggOpusEncoder, LibsndfileOpusEncoder])
@pytest.mark.parametrize("rate", opus.RATES)
def test_opus_sounds_the_same_and_is_as_long(rate: int, make: Make) -> None:
    spoken = speech()
    heard, decoded_rate = decoded(file_of(make(rate), spoken, 480))
    assert (decoded_rate, len(heard)) == (rate, len(spoken))
    assert delay(heard.astype(np.float32), spoken.astype(np.float32), rate // 50) == 0
    assert spectral_distance_db(heard.astype(np.float32), spoken.astype(np.float32)) < 4.0


def test_where_libopus_is_missing_opus_comes_in_larger_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(ogg.ogg_opus(RATE), OggOpusEncoder)
    monkeypatch.setattr(ogg, "why_not", lambda: "libopus is not installed")
    assert isinstance(ogg.ogg_opus(RATE), LibsndfileOpusEncoder)


def test_packets_are_those_that_the_binding_makes() -> None:
    """The call that encodes is our own, because it keeps Python's lock. Ours begin with silence."""
    theirs, ours = opuslib_next.Encoder(RATE, 1, "restricted_lowdelay"), opus.PacketEncoder(RATE, 32_000, 3)
    theirs.bitrate, theirs.complexity = 32_000, 3
    frames = recorded(RATE)[:RATE].reshape(-1, RATE // 50)
    spoken = [np.zeros_like(frames[0]), *frames]
    assert ours.encode(frames.ravel()) == [theirs.encode_float(frame.tobytes(), len(frame)) for frame in spoken]


def test_what_follows_a_finish_depends_on_nothing_before_it() -> None:
    """So that a sentence can be encoded again by another server. A decoder that had decoded others hears it as a new
    one does: without the silence at its beginning the first packet was more noise than speech."""
    first, second = recorded(RATE)[:RATE], recorded(RATE)[RATE // 2 : RATE + 77]
    encoder, anew = opus.PacketEncoder(RATE), opus.PacketEncoder(RATE)
    before = encoder.encode(first) + encoder.finish()
    packets = encoder.encode(second) + encoder.finish()
    assert packets == anew.encode(second) + anew.finish()
    heard = []
    for past in (before, []):
        decoder = opuslib_next.Decoder(RATE, 1)
        pieces = [decoder.decode_float(packet, RATE // 50) for packet in [*past, *packets]]
        heard.append(np.frombuffer(b"".join(pieces[len(past) :]), "<f4")[encoder.pre_skip :])
    assert np.abs(heard[0] - heard[1]).max() < 0.01


@pytest.mark.parametrize("rate", opus.RATES)
def test_finished_packets_give_every_sample_and_more_may_follow(rate: int) -> None:
    """Two sentences of one utterance: each is whole when it ends, wherever a packet would end."""
    decoder, encoder = opuslib_next.Decoder(rate, 1), opus.PacketEncoder(rate)
    samples = recorded(rate)[: rate + 77]
    for sentence in (samples, samples[:-333]):
        packets = encoder.encode(sentence[:100]) + encoder.encode(sentence[100:]) + encoder.finish()
        assert encoder.finish() == []
        heard = np.frombuffer(
            b"".join(decoder.decode_float(packet, encoder.packet_samples) for packet in packets), "<f4"
        )
        assert 0 <= len(heard) - encoder.pre_skip - len(sentence) < encoder.packet_samples
        heard = heard[encoder.pre_skip :][: len(sentence)]
        assert delay(heard, sentence, 1000) == 0
        assert spectral_distance_db(heard, sentence) < 4.0


@pytest.mark.parametrize(
    ("make", "wait_ms"),
    [
        (Mp3Encoder, 48),
        (OggOpusEncoder, 20),
        (LibsndfileOpusEncoder, 80),
        (FlacEncoder, 60),
        (WavEncoder, 20),
    ],
)
def test_bytes_come_while_it_is_spoken(make: Make, wait_ms: int) -> None:
    """libsndfile's own choice for Ogg is a second."""
    encoder = make(RATE)
    head = encoder.begin()
    frame = speech()[: RATE // 50].tobytes()
    sizes = [len(encoder.encode(frame)) for _ in range(50)]
    waits = np.diff([at for at, size in enumerate(sizes) if size])
    assert max(waits, default=1) * 20 <= wait_ms
    assert next(at for at, size in enumerate(sizes) if size) * 20 < wait_ms
    assert isinstance(head, bytes)


@pytest.mark.parametrize("make", [FlacEncoder, OggOpusEncoder, LibsndfileOpusEncoder, Mp3Encoder, WavEncoder])
def test_what_nobody_spoke_can_be_finished(make: Make) -> None:
    encoder = make(RATE)
    assert isinstance(encoder.begin() + encoder.finish(), bytes)


def test_what_has_left_is_not_kept() -> None:
    """An hour of speech is not held in memory to write its length into a head that has left."""
    encoder = FlacEncoder(RATE)
    for _ in range(100):
        encoder.encode(speech().tobytes())
    assert len(encoder._bytes._waiting) == 0
