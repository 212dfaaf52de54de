"""FLAC and Ogg Opus by libsndfile, which writes into a file that grows, and whose new bytes are taken after each piece.

At its end libsndfile corrects the head of a FLAC file (its length and checksum); a stream that has left keeps the head
that says "unknown". Of Opus it puts 60 ms into an Ogg page here, the least that it can; by itself it waits a second.
`ogg` waits for 20 ms, and takes a tenth of the time; this one needs no library of the system.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile

_PAGE_LATENCY_MS = 50.0  # the least that libsndfile takes; three packets of 20 ms
_SET_OGG_PAGE_LATENCY_MS = 0x1302  # libsndfile's SFC_SET_OGG_PAGE_LATENCY_MS; its default is a second
_SMALL_BLOCKS = 0.0  # of FLAC's levels the one with blocks of 1152 samples; at the others they have 4096


class _Outgoing:
    """A file to libsndfile, of which only the end is kept: what was taken is gone, and written over by nobody."""

    def __init__(self) -> None:
        self._taken = 0  # bytes
        self._position = 0
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        data = bytes(data)
        gone = max(0, min(len(data), self._taken - self._position))
        at = self._position + gone - self._taken
        self._waiting[at : at + len(data) - gone] = data[gone:]
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        end = self._taken + len(self._waiting)
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: end}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        new = bytes(self._waiting)
        self._waiting.clear()
        self._taken += len(new)
        return new


class _LibsndfileEncoder:
    takes_long = False

    def __init__(self, sample_rate: int, container: str, subtype: str, level: float | None) -> None:
        self._bytes = _Outgoing()
        self._file = soundfile.SoundFile(
            self._bytes, "w", sample_rate, 1, subtype, format=container, compression_level=level
        )

    def begin(self) -> bytes:
        return self._bytes.take()

    def encode(self, pcm: bytes) -> bytes:
        self._file.write(np.frombuffer(pcm, "<i2"))
        return self._bytes.take()

    def finish(self) -> bytes:
        self._file.close()
        return self._bytes.take()


class FlacEncoder(_LibsndfileEncoder):
    def __init__(self, sample_rate: int) -> None:
        super().__init__(sample_rate, "FLAC", "PCM_16", _SMALL_BLOCKS)


class LibsndfileOpusEncoder(_LibsndfileEncoder):
    takes_long = True  # 40 ms for a second of speech

    """`sample_rate`: one of `opus.RATES`."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__(sample_rate, "OGG", "OPUS", None)
        # soundfile passes no such commands on, so this is its own handle of libsndfile.
        latency = soundfile._ffi.new("double*", _PAGE_LATENCY_MS)
        size = soundfile._ffi.sizeof("double")
        soundfile._snd.sf_command(self._file._file, _SET_OGG_PAGE_LATENCY_MS, latency, size)
