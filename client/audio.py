"""Raw audio of the wire -> samples: mono, int16 or float32, at the utterance's rate; and WAV files of it.

G.711 is decoded by libsndfile. Samples are kept as they came: s16 in, the same s16 in the file.
"""

from __future__ import annotations

import enum
import io
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile
from numpy.typing import NDArray

from .errors import ClientError

Samples = NDArray[np.float32]

AUDIBLE = 10 ** (-50 / 20)  # -50 dBFS: where sound begins


class Encoding(enum.StrEnum):
    """Audio encodings of the wire. Chunks of OPUS come decoded, as S16, with the packets beside the samples."""

    S16 = "pcm_s16le"
    F32 = "pcm_f32le"
    MULAW = "mulaw"
    ALAW = "alaw"
    OPUS = "opus"


_SUBTYPES = {Encoding.S16: "PCM_16", Encoding.F32: "FLOAT", Encoding.MULAW: "ULAW", Encoding.ALAW: "ALAW"}
_S16_FULL_SCALE = 32768


def to_float32(data: bytes, encoding: Encoding) -> NDArray[np.float32]:
    """Samples in -1 to 1. For F32 a read-only view of `data`, else a copy. [N]"""
    if encoding is Encoding.F32:
        return np.frombuffer(data, dtype="<f4")
    return to_int16(data, encoding).astype(np.float32) / np.float32(_S16_FULL_SCALE)


def to_int16(data: bytes, encoding: Encoding) -> NDArray[np.int16]:
    """Samples as 16-bit integers, exact for S16 and G.711. [N]"""
    if encoding is Encoding.S16:
        return np.frombuffer(data, dtype="<i2")
    if encoding is Encoding.F32:
        scaled = np.frombuffer(data, dtype="<f4") * np.float32(_S16_FULL_SCALE)
        return np.clip(np.rint(scaled), -_S16_FULL_SCALE, _S16_FULL_SCALE - 1).astype(np.int16)
    samples: NDArray[np.int16]
    # The rate does not matter to the decoding of raw samples, but has to be given.
    samples, _ = soundfile.read(
        io.BytesIO(data), dtype="int16", format="RAW", subtype=_SUBTYPES[encoding], channels=1, samplerate=8000
    )
    return samples


def first_audible(samples: NDArray[np.float32]) -> int | None:
    """Index of the first sample above -50 dBFS, None in silence."""
    loud = np.flatnonzero(np.abs(samples) > AUDIBLE)
    return int(loud[0]) if len(loud) else None


def to_wav(samples: Samples, sample_rate: int) -> bytes:
    """A WAV file, 16 bits a sample. `samples`: -1 to 1, mono. [N]"""
    file = io.BytesIO()
    soundfile.write(file, to_int16(samples.tobytes(), Encoding.F32), sample_rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


class WavFile:
    """A WAV file in the wire's own encoding, written chunk by chunk."""

    def __init__(self, path: Path, encoding: Encoding, sample_rate: int) -> None:
        self._encoding = encoding
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = soundfile.SoundFile(
                path, "w", samplerate=sample_rate, channels=1, format="WAV", subtype=_SUBTYPES[encoding]
            )
        except (OSError, soundfile.SoundFileError) as error:
            raise ClientError(f"cannot write {path}: {error}") from error

    def write(self, data: bytes) -> None:
        if self._encoding is Encoding.F32:
            self._file.write(to_float32(data, self._encoding))
        else:
            self._file.write(to_int16(data, self._encoding))

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> WavFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
