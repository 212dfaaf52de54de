"""Sound at the utterance's rate -> sound at the device's, where the device takes only its own. float32 mono.

soxr's HQ, with carried state: how the sound was cut into chunks does not show. It holds back some milliseconds until
more comes or the end does. Imported only where it is needed.
"""

from __future__ import annotations

import numpy as np

from .ring import Samples

HELD_S = 0.1  # more than it ever holds back


class Resampler:
    def __init__(self, rate: int, target: int) -> None:
        import soxr

        self.held = round(HELD_S * target)  # samples that `rest` gives at most
        self._stream = soxr.ResampleStream(rate, target, 1, dtype="float32", quality="HQ")

    def __call__(self, samples: Samples) -> Samples:
        """[N] -> what is known of it by now [M]"""
        made: Samples = self._stream.resample_chunk(samples)
        return made

    def rest(self) -> Samples:
        """What was held back. The last call."""
        made: Samples = self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
        return made

    @staticmethod
    def whole(samples: Samples, rate: int, target: int) -> Samples:
        import soxr

        made: Samples = soxr.resample(samples, rate, target, quality="HQ")
        return made
