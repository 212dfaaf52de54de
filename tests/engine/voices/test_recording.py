"""Every way a recording can be wrong, and that a good one is not blamed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile

from engine.errors import InvalidRequest
from engine.voices.recording import Limits, read
from tests.engine.voices.speech import Floats, speech_like

LIMITS = Limits(min_s=2.0, max_s=20.0, max_bytes=10_000_000, prompt_s=4.0)
RATE = 24_000


def encoded(wav: np.ndarray, rate: int = RATE, **options: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wav, rate, **{"format": "WAV", "subtype": "FLOAT", **options})
    return file.getvalue()


def refusal(audio: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(InvalidRequest) as caught:
        read(audio, limits)
    assert caught.value.field == "audio"
    return caught.value.description


def warning(audio: bytes) -> str:
    (only,) = read(audio, LIMITS).warnings
    return only


@pytest.fixture
def good() -> Floats:
    return speech_like(5.0, RATE)


def test_a_good_recording_arrives_unchanged_and_unblamed(good: Floats) -> None:
    recording = read(encoded(good), LIMITS)
    assert recording.warnings == ()
    np.testing.assert_array_equal(recording.wav, good)


@pytest.mark.parametrize(
    ("format", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]
)
def test_usual_formats_are_read(good: Floats, format: str, subtype: str) -> None:
    recording = read(encoded(good, format=format, subtype=subtype), LIMITS)
    assert recording.warnings == ()
    assert len(recording.wav) == pytest.approx(len(good), abs=3_000)


def test_other_rates_are_resampled(good: Floats) -> None:
    recording = read(encoded(speech_like(5.0, 44_100), 44_100), LIMITS)
    assert recording.warnings == ()
    assert len(recording.wav) == len(good)


def test_stereo_is_mixed_down_and_said(good: Floats) -> None:
    audio = encoded(np.stack([good, 0.5 * good], 1))
    assert "2 channels" in warning(audio)
    np.testing.assert_allclose(read(audio, LIMITS).wav, 0.75 * good, atol=1e-6)


@pytest.mark.parametrize("audio", [b"not audio at all", b"RIFF\x00\x00\x00\x00WAVE", b"\x00" * 1000])
def test_what_is_no_audio_is_refused(audio: bytes) -> None:
    assert "damaged, incomplete or no audio" in refusal(audio)


def test_an_empty_file_is_refused() -> None:
    assert "is empty" in refusal(b"")


def test_other_formats_of_the_library_are_refused(good: Floats) -> None:
    assert "send WAV" in refusal(encoded(good, format="MAT5"))


def test_too_many_bytes_are_refused(good: Floats) -> None:
    limits = Limits(min_s=2.0, max_s=20.0, max_bytes=1_000, prompt_s=4.0)
    assert "at most 1000" in refusal(encoded(good), limits)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 1.9, 2.0])
def test_a_recording_too_short_is_refused(seconds: float) -> None:
    assert "more than 2 s are needed" in refusal(encoded(speech_like(3.0, RATE)[: round(seconds * RATE)]))


def test_a_recording_too_long_is_refused_before_it_is_decoded() -> None:
    hours = encoded(np.zeros(21 * RATE), format="FLAC", subtype="PCM_16")
    assert "at most 20 s" in refusal(hours)


def test_a_recording_shorter_than_the_prompt_is_a_warning() -> None:
    assert "4 s resemble the voice better" in warning(encoded(speech_like(3.0, RATE)))


@pytest.mark.parametrize("rate", [4_000, 1_000_000])
def test_absurd_rates_are_refused(rate: int) -> None:
    assert f"has {rate} Hz" in refusal(encoded(speech_like(0.1, RATE), rate))


def test_telephone_rate_is_a_warning() -> None:
    assert "8000 Hz" in warning(encoded(speech_like(5.0, 8_000), 8_000))


@pytest.mark.parametrize("level", [0.0, 0.0009])
def test_silence_is_refused(good: Floats, level: float) -> None:
    assert "is silent" in refusal(encoded(level * good / np.abs(good).max()))


def test_channels_that_cancel_out_are_silence(good: Floats) -> None:
    assert "check microphone and channels" in refusal(encoded(np.stack([good, -good], 1)))


def test_a_faint_voice_is_a_warning() -> None:
    assert "faint" in warning(encoded(speech_like(5.0, RATE, level=0.02, noise=1e-5)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(good: Floats, bad: float) -> None:
    good[1_000] = bad
    assert "NaN" in refusal(encoded(good))


def test_samples_on_the_scale_of_integers_are_refused(good: Floats) -> None:
    assert "full scale is 1" in refusal(encoded(32_768.0 * good))


def test_clipping_is_a_warning(good: Floats) -> None:
    assert "clipped" in warning(encoded(np.clip(6.0 * good, -1.0, 1.0), subtype="PCM_16"))


def test_speech_after_the_prompt_does_not_help() -> None:
    late = np.concatenate([np.zeros(4 * RATE, np.float32), speech_like(4.0, RATE)])
    assert "start the recording where the speech starts" in refusal(encoded(late))


def test_mostly_silence_is_a_warning() -> None:
    sparse = np.concatenate([speech_like(1.4, RATE, noise=0.0), np.zeros(4 * RATE, np.float32)])
    assert "cut the silence out" in warning(encoded(sparse))


def test_noise_is_a_warning() -> None:
    assert "noise" in warning(encoded(speech_like(5.0, RATE, noise=0.05)))


def test_a_file_that_breaks_off_is_refused_or_warned_about(good: Floats) -> None:
    flac, mp3 = encoded(good, format="FLAC", subtype="PCM_16"), encoded(good, format="MP3", subtype="MPEG_LAYER_III")
    assert "incomplete" in refusal(flac[: len(flac) * 9 // 10])
    assert "is it complete?" in warning(mp3[: len(mp3) * 9 // 10])


def test_a_wav_that_was_cut_off_on_its_way_is_noticed(good: Floats) -> None:
    """What was left of it was taken for all of it."""
    whole = encoded(good)
    assert warning(whole[: len(whole) * 9 // 10]).startswith("the file is cut off: ")


def test_a_wav_that_was_streamed_is_whole(good: Floats) -> None:
    whole = bytearray(encoded(good))
    whole[4:8] = whole[whole.index(b"data") + 4 : whole.index(b"data") + 8] = b"\xff\xff\xff\xff"
    assert not read(bytes(whole), LIMITS).warnings


def test_an_m4a_is_named_and_no_object_of_python_is() -> None:
    assert refusal(b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100)).startswith("is M4A or MP4")
    assert "object" not in refusal(b"no audio at all")
