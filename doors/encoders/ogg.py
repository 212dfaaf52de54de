"""Ogg Opus (RFC 7845) around packets of `opus`: what a piece of PCM gave leaves at once, in a page of its own.

A page ends with the number of samples, at 48 kHz, that decoders have put out after it, those that they skip at the
beginning included. The last page tells fewer than its packets give: the rest is padding.
"""

from __future__ import annotations

import itertools
import struct

import numpy as np

from . import Encoder
from .libsndfile import LibsndfileOpusEncoder
from .opus import PACKETS_PER_S, PacketEncoder, why_not

_OPUS_RATE = 48_000  # Hz: what Ogg counts Opus in, whatever the rate of its input
_PACKET_UNITS = _OPUS_RATE // PACKETS_PER_S
_FULL_SCALE = 32_768
_BIT_RATE = 40_000  # bits a second: what libsndfile takes for a file
_COMPLEXITY = 5  # of 10: the least that follows a voice's pitch; 5 ms for a second of speech
_FIRST, _LAST = 2, 4  # flags of a page
_SEGMENT_BYTES = 255  # a packet is cut into segments; one that is shorter ends it
_PACKETS_IN_A_PAGE = PACKETS_PER_S  # a second, as RFC 7845 advises; they fit: a packet has few segments
_POLYNOMIAL = 0x04C11DB7


def ogg_opus(sample_rate: int) -> Encoder:
    """One file, by libopus or, where that is missing, by libsndfile. `sample_rate`: one of `opus.RATES`."""
    return LibsndfileOpusEncoder(sample_rate) if why_not() else OggOpusEncoder(sample_rate)


class OggOpusEncoder:
    """One file. Raises NoLibrary where libopus is missing."""

    takes_long = False

    def __init__(self, sample_rate: int) -> None:
        """`sample_rate`: one of `opus.RATES`."""
        self._packets = PacketEncoder(sample_rate, _BIT_RATE, _COMPLEXITY)
        self._sample_rate = sample_rate
        self._scale = _OPUS_RATE // sample_rate
        self._skipped = self._packets.pre_skip * self._scale
        self._heard = 0  # samples that went in, at 48 kHz
        self._packed = 0  # samples that packets give, at 48 kHz
        self._pages = itertools.count()

    def begin(self) -> bytes:
        # version, channels, what decoders skip, the rate of the input, no gain, mono or stereo
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, self._skipped, self._sample_rate, 0, 0)
        vendor = b"gapless"
        tags = struct.pack(f"<8sI{len(vendor)}sI", b"OpusTags", len(vendor), vendor, 0)
        return self._page([head], 0, _FIRST) + self._page([tags], 0)

    def encode(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(_FULL_SCALE)
        self._heard += len(samples) * self._scale
        packets = self._packets.encode(samples)
        pages = (packets[at : at + _PACKETS_IN_A_PAGE] for at in range(0, len(packets), _PACKETS_IN_A_PAGE))
        return b"".join(self._full_page(page) for page in pages)

    def finish(self) -> bytes:
        return self._page(self._packets.finish(), self._heard + self._skipped if self._heard else 0, _LAST)

    def _full_page(self, packets: list[bytes]) -> bytes:
        self._packed += len(packets) * _PACKET_UNITS
        return self._page(packets, self._packed)

    def _page(self, packets: list[bytes], position: int, flags: int = 0) -> bytes:
        lacing = b"".join(map(_lacing, packets))
        # version, flags, position, stream (there is one), page, checksum, segments
        head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, position, 1, next(self._pages), 0, len(lacing))
        page = head + lacing + b"".join(packets)
        return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def _lacing(packet: bytes) -> bytes:
    whole, rest = divmod(len(packet), _SEGMENT_BYTES)
    return bytes([_SEGMENT_BYTES] * whole + [rest])


def _checksum(page: bytes) -> int:
    checksum = 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _TABLE[checksum >> 24 ^ byte]
    return checksum


def _table_entry(byte: int) -> int:
    entry = byte << 24
    for _ in range(8):
        entry = entry << 1 ^ (_POLYNOMIAL if entry & 0x80000000 else 0)
    return entry & 0xFFFFFFFF


_TABLE = [_table_entry(byte) for byte in range(256)]
