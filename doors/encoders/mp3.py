"""MP3 by LAME: frames of 576 samples (24 kHz and below; 1152 above), each given as soon as it is full.

Without the header of LAME, which is known at the end only; so players cannot cut off the codec's delay: 1105 samples
of silence come first.
"""

from __future__ import annotations

import lameenc

DELAY_SAMPLES = 1105  # the encoder's 576 and the 529 of every decoder

_KBIT_PER_S = 96
_QUALITY = 5  # LAME's own default: 2 is the best, 7 the fastest


class Mp3Encoder:
    takes_long = False  # 5 ms for a second of speech: less than handing it to a thread and back where cores are busy

    def __init__(self, sample_rate: int) -> None:
        self._lame = lameenc.Encoder()
        self._lame.set_in_sample_rate(sample_rate)
        self._lame.set_channels(1)
        self._lame.set_bit_rate(_KBIT_PER_S)
        self._lame.set_quality(_QUALITY)
        self._lame.silence()
        self._has_begun = False

    def begin(self) -> bytes:
        return b""

    def encode(self, pcm: bytes) -> bytes:
        self._has_begun = self._has_begun or bool(pcm)
        return bytes(self._lame.encode(pcm))

    def finish(self) -> bytes:
        return bytes(self._lame.flush()) if self._has_begun else b""
