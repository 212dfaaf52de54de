"""Recordings to make voices of, and how a scripted engine takes them."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import dataclass

import numpy as np
import soundfile

from engine.errors import InvalidRequest

RATE = 16_000  # Hz


def recording(seconds: float = 1.0, *, peak: float = 0.5, file_format: str = "WAV") -> bytes:
    """An audio file of a tone."""
    samples = peak * np.sin(np.arange(round(seconds * RATE)) / 20)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=file_format)
    return file.getvalue()


@dataclass(frozen=True, kw_only=True)
class Cloning:
    """How making a voice goes: a recording is taken if it can be read, is long enough and not silent."""

    takes_s: float = 0.0
    gate: threading.Event | None = None  # the work waits for it
    least_s: float = 0.5  # shorter recordings are refused
    error: Exception | None = None  # what it ends with instead of a voice

    def clone(self, audio: bytes) -> tuple[str, ...]:
        """Warnings. Raises InvalidRequest, or what is scripted."""
        try:
            samples, rate = soundfile.read(io.BytesIO(audio))
        except soundfile.LibsndfileError as error:
            raise InvalidRequest("audio", f"is no audio file that can be read: {error}") from None
        if len(samples) < self.least_s * rate:
            raise InvalidRequest("audio", f"{len(samples) / rate:.1f} s is too short; at least {self.least_s:g} s")
        if not np.any(samples):
            raise InvalidRequest("audio", "is silent")
        time.sleep(self.takes_s)
        assert self.gate is None or self.gate.wait(10)
        if self.error is not None:
            raise self.error
        return ("the recording is clipped",) if np.abs(samples).max() >= 0.99 else ()


CLONING = Cloning()
