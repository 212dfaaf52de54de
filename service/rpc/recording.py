"""What a recording may be, known from its header before anything of it is decoded: memory stays bounded."""

from __future__ import annotations

import io

import soundfile

from engine.errors import InvalidRequest

MAX_CHANNELS = 2
MAX_SAMPLE_RATE = 192_000  # Hz
MAX_DURATION_S = 600.0
MAX_DECODED_BYTES = 256 << 20  # as float32


def check_recording(audio: bytes) -> None:
    """Raises InvalidRequest for a recording that is too much. What is no recording at all is the engine's to tell."""
    try:
        header = soundfile.info(io.BytesIO(audio))
    except (soundfile.SoundFileError, RuntimeError):
        return
    if header.channels > MAX_CHANNELS:
        raise InvalidRequest("audio", f"{header.channels} channels; this server takes at most {MAX_CHANNELS}")
    if header.samplerate > MAX_SAMPLE_RATE:
        raise InvalidRequest("audio", f"{header.samplerate} Hz; this server takes at most {MAX_SAMPLE_RATE} Hz")
    seconds, decoded = header.frames / header.samplerate, header.frames * header.channels * 4
    if seconds > MAX_DURATION_S or decoded > MAX_DECODED_BYTES:
        raise InvalidRequest(
            "audio",
            f"{seconds:.0f} s, {decoded >> 20} MiB when it is decoded; this server takes at most "
            f"{MAX_DURATION_S:g} s and {MAX_DECODED_BYTES >> 20} MiB; 10 to 15 s are enough",
        )
