"""Opus packets of 20 ms, by the libopus of the system: as they travel over gRPC, and as they go into Ogg pages.

In: float32, mono, -1 to 1, in pieces of any length. Out: whole packets, as soon as 20 ms are there. A decoder puts out
`pre_skip` samples before the first sample that went in. The first packet is one of silence: it brings every decoder,
whatever it decoded before, to where the encoder is, so that what is encoded after `finish` depends on nothing before.
The encoder has libopus' mode of lowest delay: 2.5 ms of look-ahead in place of 6.5, and a fifth of the processor time.
The GIL is held while a packet is encoded (0.03 ms). The binding would release it, and get it back only when other
threads release it: beside a thread that computes, the packets of a first chunk then took 9 ms in place of 1.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATES = (8_000, 12_000, 16_000, 24_000, 48_000)  # Hz
PACKETS_PER_S = 50

BIT_RATE = 28_000  # bits a second: as near to the original as libopus' slower modes are at 24,000
COMPLEXITY = 4  # of 10: what comes next, following a voice's pitch, takes half as long again
_MAX_PACKET_BYTES = 1_275  # that Opus has for 20 ms
_NO_SAMPLES = np.zeros(0, np.float32)


class NoLibrary(Exception):
    """Opus packets cannot be made here; says what is missing."""


class PacketEncoder:
    """One stream of packets."""

    _waiting: NDArray[np.float32]  # samples that make no packet yet
    _taken: int  # samples since the beginning
    _opening: list[bytes]  # goes out with the first audio

    def __init__(self, sample_rate: int, bit_rate: int = BIT_RATE, complexity: int = COMPLEXITY) -> None:
        """`sample_rate`: one of RATES. Raises NoLibrary."""
        self._encode = _encode_holding_the_lock()
        self._packet_bytes = ctypes.create_string_buffer(_MAX_PACKET_BYTES)
        self._encoder = _opuslib().Encoder(sample_rate, 1, "restricted_lowdelay")
        self._encoder.bitrate = bit_rate
        self._encoder.complexity = complexity
        self.packet_samples = sample_rate // PACKETS_PER_S
        self._lookahead: int = self._encoder.lookahead  # samples
        self.pre_skip = self.packet_samples + self._lookahead
        self._begin()

    @property
    def held(self) -> int:
        """Samples that went in, and that decoders of all packets so far lack."""
        return min(self._taken, len(self._waiting) + self._lookahead)

    def encode(self, samples: NDArray[np.float32]) -> list[bytes]:
        waiting = np.concatenate((self._waiting, samples))
        whole = len(waiting) - len(waiting) % self.packet_samples
        self._waiting = waiting[whole:].copy()
        self._taken += len(samples)
        address = waiting.ctypes.data
        packets = [self._packet(address + at * waiting.itemsize) for at in range(0, whole, self.packet_samples)]
        if packets:
            packets, self._opening = self._opening + packets, []
        return packets

    def finish(self) -> list[bytes]:
        """The rest, with so much silence behind it that decoders have put out every sample. What is encoded later
        begins with a packet of its own: decoders put `pre_skip` samples out before it, again."""
        if not self.held:
            return []
        missing = len(self._waiting) + self._lookahead
        silence = self._lookahead + -missing % self.packet_samples
        packets = self.encode(np.zeros(silence, np.float32))
        self._begin()
        return packets

    def _begin(self) -> None:
        self._encoder.reset_state()
        self._waiting = _NO_SAMPLES
        self._taken = 0
        silence = np.zeros(self.packet_samples, np.float32)
        self._opening = [self._packet(silence.ctypes.data)]

    def _packet(self, address: int) -> bytes:
        """Of the samples there."""
        state, size = self._encoder.encoder_state, self.packet_samples
        length = self._encode(state, address, size, self._packet_bytes, _MAX_PACKET_BYTES)
        if length < 0:
            raise _opuslib().OpusError(length)
        return ctypes.string_at(self._packet_bytes, length)


@cache
def why_not() -> str:
    """What is missing here for packets to be made; "" if nothing is."""
    try:
        _opuslib()
    except NoLibrary as error:
        return str(error)
    return ""


@cache
def _encode_holding_the_lock() -> Callable[..., int]:
    """opus_encode_float(encoder, samples, how many, packet, its size) -> length of the packet, or an error below 0."""
    function = ctypes.PyDLL(_opuslib().api.lib_location).opus_encode_float
    function.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int32
    function.restype = ctypes.c_int32
    return function


def _opuslib() -> Any:
    try:
        import opuslib_next
    except ImportError:
        raise NoLibrary("the package opuslib-next is not installed: pip install 'gapless[opus]'") from None
    except Exception as error:  # what the package raises where it finds no library is an Exception and no more
        raise NoLibrary(f"libopus is not installed on this machine (Debian: libopus0): {error}") from None
    return opuslib_next
