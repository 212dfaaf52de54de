"""A recording to make a voice of."""

from __future__ import annotations

import io

import numpy as np
import soundfile

VOICE_S, VOICE_RATE = 8.0, 24_000


def recording() -> bytes:
    """A sound that comes and goes as speech does."""
    seconds = np.arange(round(VOICE_S * VOICE_RATE)) / VOICE_RATE
    loudness = 0.5 * np.clip(np.sin(2 * np.pi * 1.5 * seconds), 0.0, 1.0)
    file = io.BytesIO()
    soundfile.write(file, loudness * np.sin(2 * np.pi * 150 * seconds), VOICE_RATE, format="WAV")
    return file.getvalue()
