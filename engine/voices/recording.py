"""Bytes of an audio file -> the waveform a voice is cloned from: mono [N], float32, 24 kHz; and what is wrong with it.

What cannot work is an InvalidRequest of the field `audio`; what only costs likeness is a warning. Both say what to do.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile

from engine.errors import InvalidRequest
from engine.networks.cloning.frontends import PROMPT_RATE
from engine.voices.resample import resample

Floats = npt.NDArray[np.float32]

FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF")
LOWEST_RATE, HIGHEST_RATE = 8_000, 384_000  # Hz
FULL_RATE = 16_000  # Hz; nothing that is compared between voices lies above 8 kHz
UNKNOWN_LENGTH = 0x7FFFFF00  # bytes: what programs that stream announce lies above
READ_FRAMES = 1 << 16  # decoded at a time, so that many channels cannot take much memory

# Levels: the reference looks at none of them; chosen so that clean speech passes without a word.
LEAST_AMPLITUDE = 1e-10  # -200 dB stands for digital silence
LEVEL_WINDOW_S = 0.02
LOUDEST_DB = 12.0  # of full scale; a peak above this is on another scale, that of integers for example
SILENT_DB = -60.0  # of full scale; a peak below this is no recording
FAINT_DB = -26.0  # a peak below this is a voice far away
CLIPPED = 0.999  # of full scale
CLIPPED_SHARE = 0.001
PAUSE_DB = 35.0  # below the loudest window: nobody speaks
MIN_SPEECH_S = 0.5
SPEECH_SHARE = 0.4  # less than this of the prompt being speech is worth a warning
QUIET_SHARE = 0.1  # a voice pauses for at least this share of the time,
NOISE_DB = 15.0  # and then the level is at least so much lower than while it speaks, unless there is noise


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of a recording."""

    min_s: float  # it must be longer than this
    max_s: float
    max_bytes: int
    prompt_s: float  # so much of its beginning is what the voice sounds like


@dataclass(frozen=True)
class Recording:
    wav: Floats  # [N] at 24 kHz
    warnings: tuple[str, ...]


def read(audio: bytes, limits: Limits) -> Recording:
    """Raises InvalidRequest."""
    if not audio:
        raise unusable("is empty; send the bytes of a WAV, FLAC, Ogg or MP3 file")
    if len(audio) > limits.max_bytes:
        raise unusable(f"{len(audio)} bytes; at most {limits.max_bytes}")
    decoded, rate, warnings = _decode(audio, limits)
    warnings += _check(decoded, rate, limits)
    return Recording(resample(decoded, rate, PROMPT_RATE), tuple(warnings))


def unusable(description: str) -> InvalidRequest:
    return InvalidRequest("audio", description)


def _decode(audio: bytes, limits: Limits) -> tuple[Floats, int, list[str]]:
    """Mono, its rate, warnings."""
    warnings = []
    try:
        with soundfile.SoundFile(io.BytesIO(audio)) as file:
            _check_header(file, limits)
            wav = np.concatenate([np.zeros(0, np.float32), *_blocks(file, limits)])
            rate, n_channels, promised = file.samplerate, file.channels, file.frames
    except soundfile.SoundFileError as error:
        if audio[4:8] == b"ftyp":
            raise unusable("is M4A or MP4, which is not read; send WAV, FLAC, Ogg or MP3") from error
        raise unusable("is damaged, incomplete or no audio; send WAV, FLAC, Ogg or MP3") from error
    if n_channels > 1:
        warnings.append(f"the recording has {n_channels} channels, which were mixed down to one")
    if rate < FULL_RATE:
        warnings.append(f"the recording has {rate} Hz; the voice will be dull: record at {FULL_RATE} Hz or more")
    if len(wav) < promised:
        warnings.append(f"the file ends after {len(wav) / rate:.1f} s of {promised / rate:.1f} s; is it complete?")
    if (lacking := _announced_bytes(audio) - len(audio)) > 0:
        warnings.append(f"the file is cut off: {lacking} of {len(audio) + lacking} bytes are missing; send it in full")
    return wav, rate, warnings


def _announced_bytes(audio: bytes) -> int:
    """How long a WAV says it is; 0 for other files, and for one that was written while its end was not known."""
    announced = int.from_bytes(audio[4:8], "little")
    is_known = audio[:4] == b"RIFF" and announced < UNKNOWN_LENGTH
    return 8 + announced if is_known else 0


def _check_header(file: soundfile.SoundFile, limits: Limits) -> None:
    if file.format not in FORMATS:
        raise unusable(f"is {file.format}; send WAV, FLAC, Ogg or MP3")
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        raise unusable(f"has {file.samplerate} Hz; possible: {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if file.frames > limits.max_s * file.samplerate:
        raise _too_long(f"{file.frames / file.samplerate:.0f} s", limits)


def _too_long(length: str, limits: Limits) -> InvalidRequest:
    return unusable(f"is {length} long; at most {limits.max_s:g} s: cut out the best {limits.prompt_s:g} s")


def _blocks(file: soundfile.SoundFile, limits: Limits) -> Iterator[Floats]:
    """Mono; stops a file that is longer than its header says."""
    n_frames = 0
    while len(block := file.read(READ_FRAMES, dtype="float32", always_2d=True)):
        n_frames += len(block)
        if n_frames > limits.max_s * file.samplerate:
            raise _too_long(f"more than {limits.max_s:g} s", limits)
        yield block.mean(axis=1)


def _check(wav: Floats, rate: int, limits: Limits) -> list[str]:
    """Warnings about what was recorded."""
    seconds = len(wav) / rate
    if seconds <= limits.min_s:
        needed = f"more than {limits.min_s:g} s are needed, {limits.prompt_s:g} s are best"
        raise unusable(f"is {seconds:.2f} s long; {needed}")
    if not np.isfinite(wav).all():
        raise unusable("contains samples that are not numbers (NaN or infinite); export it again")
    peak_db = _decibel(np.abs(wav).max())
    if peak_db < SILENT_DB:
        raise unusable(f"is silent: its peak is {peak_db:.0f} dB of full scale; check microphone and channels")
    if peak_db > LOUDEST_DB:
        raise unusable(f"has samples up to {np.abs(wav).max():.0f}, but full scale is 1; export it as 16 or 24 bit")
    warnings = []
    if peak_db < FAINT_DB:
        warnings.append(f"the recording is faint: its peak is {peak_db:.0f} dB of full scale; record closer or louder")
    clipped = float((np.abs(wav) >= CLIPPED).mean())
    if clipped > CLIPPED_SHARE:
        warnings.append(f"{clipped:.1%} of the samples are clipped, which sounds harsh; record at a lower level")
    if seconds < limits.prompt_s:
        warnings.append(f"the recording is {seconds:.1f} s long; {limits.prompt_s:g} s resemble the voice better")
    return warnings + _check_speech(wav, rate, limits)


def _check_speech(wav: Floats, rate: int, limits: Limits) -> list[str]:
    """How much of the prompt is a voice, and how far it stands out, from levels alone."""
    window = round(LEVEL_WINDOW_S * rate)
    n_windows = len(wav) // window
    levels = _decibel(np.sqrt(np.square(wav[: n_windows * window].reshape(n_windows, window)).mean(axis=1)))
    loudest = levels.max()
    levels = levels[: round(limits.prompt_s / LEVEL_WINDOW_S)]
    speech = levels > loudest - PAUSE_DB
    heard = f"of the {len(levels) * LEVEL_WINDOW_S:.1f} s that are heard"
    if (speech_s := speech.sum() * LEVEL_WINDOW_S) < MIN_SPEECH_S:
        raise unusable(f"has sound in {speech_s:.1f} s {heard}; start the recording where the speech starts")
    if (share := speech.mean()) < SPEECH_SHARE:
        return [f"only {share:.0%} {heard} are speech; cut the silence out"]
    if np.median(levels[speech]) - np.quantile(levels, QUIET_SHARE) < NOISE_DB:
        return ["the level hardly drops between words: noise, music or echo in the recording will be cloned, too"]
    return []


def _decibel(amplitude: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Of full scale."""
    return 20.0 * np.log10(np.maximum(amplitude, LEAST_AMPLITUDE))
