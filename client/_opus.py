"""Opus packets of the wire -> samples, by the libopus of the system: the extra `opus`.

Packets are decoded into one buffer by libopus' own function: the binding makes a Python number of every sample, which
takes as long as the decoding. Python's interpreter lock is held for it, which is 0.02 ms a packet.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import accumulate
from typing import Any

from .errors import ServerFailed, Unsupported

_SAMPLE_BYTES = 2
_LONGEST_PACKET_S = 0.12  # that Opus has; ours are 20 ms
_NO_ERROR_CORRECTION = 0  # no packet is lost on the way


class PacketDecoder:
    """Of one utterance."""

    def __init__(self, sample_rate: int, pre_skip: int) -> None:
        """`pre_skip`: samples that come out before a segment's first. Raises Unsupported where libopus is missing."""
        self._decode = _decode_holding_the_lock()
        self._decoder = opuslib().Decoder(sample_rate, 1)
        self._samples = (ctypes.c_int16 * round(_LONGEST_PACKET_S * sample_rate))()  # of the packet at hand
        self._pre_skip_bytes = pre_skip * _SAMPLE_BYTES
        self._to_skip = self._pre_skip_bytes

    def decode(self, packets: Iterable[bytes], num_samples: int, end_of_segment: bool) -> bytes:
        """The samples of one message, s16le. Raises ServerFailed for packets that are none."""
        pcm = b"".join([self._packet(packet) for packet in packets])
        wanted = pcm[self._to_skip : self._to_skip + num_samples * _SAMPLE_BYTES]
        if len(wanted) != num_samples * _SAMPLE_BYTES:
            raise ServerFailed(
                f"the server's Opus packets hold {len(wanted) // _SAMPLE_BYTES} of {num_samples} samples"
            )
        self._to_skip = self._pre_skip_bytes if end_of_segment else 0
        return wanted

    def _packet(self, packet: bytes) -> bytes:
        """s16le."""
        state, samples = self._decoder.decoder_state, self._samples
        count = self._decode(state, packet, len(packet), samples, len(samples), _NO_ERROR_CORRECTION)
        if count < 0:
            raise ServerFailed(f"the server sent a packet that is no Opus: {opuslib().OpusError(count)}")
        return ctypes.string_at(samples, count * _SAMPLE_BYTES)


def split(data: bytes, packet_bytes: Sequence[int]) -> tuple[bytes, ...]:
    """The packets in `data`. Raises ServerFailed."""
    if sum(packet_bytes) != len(data):
        raise ServerFailed(f"the server's Opus packets have {sum(packet_bytes)} bytes, its message {len(data)}")
    return tuple(data[end - length : end] for end, length in zip(accumulate(packet_bytes), packet_bytes, strict=True))


@cache
def _decode_holding_the_lock() -> Callable[..., int]:
    """opus_decode(decoder, packet, its bytes, samples, room for so many, error correction) -> how many, or an error
    below 0."""
    function = ctypes.PyDLL(opuslib().api.lib_location).opus_decode
    function.argtypes = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int, ctypes.c_int
    function.restype = ctypes.c_int
    return function


def opuslib() -> Any:
    """What calls libopus. Raises Unsupported where one of both is missing."""
    try:
        import opuslib_next
    except ImportError:
        raise Unsupported("Opus needs the extra `opus`: pip install 'gapless[opus]'") from None
    except Exception as error:  # what the package raises where it finds no library is an Exception and no more
        raise Unsupported(f"Opus needs libopus, which is not installed (Debian: libopus0): {error}") from None
    return opuslib_next
