"""PCM as it is, and WAV: a header and PCM as it is."""

from __future__ import annotations

import struct

from . import SAMPLE_BYTES

_UNKNOWN_LENGTH = 0xFFFFFFFF  # what readers of streamed files take for "until the end"
_PCM = 1
_FORMAT_BYTES = 16


class PcmEncoder:
    takes_long = False

    def begin(self) -> bytes:
        return b""

    def encode(self, pcm: bytes) -> bytes:
        return pcm

    def finish(self) -> bytes:
        return b""


class WavEncoder(PcmEncoder):
    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate

    def begin(self) -> bytes:
        byte_rate = self._sample_rate * SAMPLE_BYTES
        form = struct.pack("<HHIIHH", _PCM, 1, self._sample_rate, byte_rate, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
        return b"".join(
            (
                b"RIFF" + struct.pack("<I", _UNKNOWN_LENGTH) + b"WAVE",
                b"fmt " + struct.pack("<I", _FORMAT_BYTES) + form,
                b"data" + struct.pack("<I", _UNKNOWN_LENGTH),
            )
        )
