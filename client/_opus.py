"""Opus packets of the wire -> samples, by the libopus of the system: the extra `opus`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .errors import ServerFailed, Unsupported

_SAMPLE_BYTES = 2
_LONGEST_PACKET_S = 0.12  # that Opus has; ours are 20 ms


class PacketDecoder:
    """Of one utterance."""

    def __init__(self, sample_rate: int, pre_skip: int) -> None:
        """`pre_skip`: samples that come out before a segment's first. Raises Unsupported where libopus is missing."""
        self._decoder = opuslib().Decoder(sample_rate, 1)
        self._longest = round(_LONGEST_PACKET_S * sample_rate)
        self._pre_skip_bytes = pre_skip * _SAMPLE_BYTES
        self._to_skip = self._pre_skip_bytes

    def decode(self, packets: Iterable[bytes], num_samples: int, end_of_segment: bool) -> bytes:
        """The samples of one message, s16le. Raises ServerFailed for packets that are none."""
        try:
            pcm = b"".join(self._decoder.decode(packet, self._longest) for packet in packets)
        except opuslib().OpusError as error:
            raise ServerFailed(f"the server sent a packet that is no Opus: {error}") from None
        wanted = pcm[self._to_skip : self._to_skip + num_samples * _SAMPLE_BYTES]
        if len(wanted) != num_samples * _SAMPLE_BYTES:
            raise ServerFailed(
                f"the server's Opus packets hold {len(wanted) // _SAMPLE_BYTES} of {num_samples} samples"
            )
        self._to_skip = self._pre_skip_bytes if end_of_segment else 0
        return wanted


def split(data: bytes, packet_bytes: Sequence[int]) -> tuple[bytes, ...]:
    """The packets in `data`. Raises ServerFailed."""
    if sum(packet_bytes) != len(data):
        raise ServerFailed(f"the server's Opus packets have {sum(packet_bytes)} bytes, its message {len(data)}")
    ends = [sum(packet_bytes[: number + 1]) for number in range(len(packet_bytes))]
    return tuple(data[end - length : end] for end, length in zip(ends, packet_bytes, strict=True))


def opuslib() -> Any:
    """What calls libopus. Raises Unsupported where one of both is missing."""
    try:
        import opuslib_next
    except ImportError:
        raise Unsupported("Opus needs the extra `opus`: pip install 'gapless[opus]'") from None
    except Exception as error:  # what the package raises where it finds no library is an Exception and no more
        raise Unsupported(f"Opus needs libopus, which is not installed (Debian: libopus0): {error}") from None
    return opuslib_next
