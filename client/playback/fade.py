"""The edges of a gap in the sound, without clicks: before it the sound dies away, after it it rises again.

A gap is known only when the next sample is missing, and by then the last one was played. So the sound before a gap
stays unchanged: its last 5 ms are played again, backwards, and fade out. The sound after a gap fades in. Sound without
a gap passes unchanged. All arrays are made once; the audio callback allocates none.
"""

from __future__ import annotations

import numpy as np

from ..audio import Samples

FADE_S = 0.005


class Fade:
    def __init__(self, sample_rate: int) -> None:
        self.length = max(1, round(FADE_S * sample_rate))  # samples
        falling = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, self.length + 1) / (self.length + 1))
        self._down: Samples = falling.astype(np.float32)
        self._up: Samples = self._down[::-1].copy()
        self.before: Samples = np.zeros(self.length, dtype=np.float32)  # what was played last before a gap
        self._echo: Samples = np.zeros(self.length, dtype=np.float32)  # what is played at its beginning
        self._fading_out = 0  # samples of the echo that are still to be played
        self._fading_in = 0  # samples that are still to be faded in

    def break_off(self) -> None:
        """No sample follows those in `before`, for now."""
        np.multiply(self.before[::-1], self._down, out=self._echo)
        if self._fading_in:
            self._echo *= self._up[-self._fading_in]  # so loud was the sound by now
        self._fading_out, self._fading_in = self.length, 0

    def resume(self) -> None:
        """Sound follows a gap."""
        self._fading_in = self.length

    def fade_out(self, out: Samples) -> int:
        """Fills the beginning of `out` with what is left of a sound that broke off; how many samples that were."""
        count, at = min(self._fading_out, len(out)), self.length - self._fading_out
        out[:count] = self._echo[at : at + count]
        self._fading_out -= count
        return count

    def fade_in(self, out: Samples) -> None:
        """Fades `out` in, as far as it follows a gap."""
        count, at = min(self._fading_in, len(out)), self.length - self._fading_in
        out[:count] *= self._up[at : at + count]
        self._fading_in -= count
