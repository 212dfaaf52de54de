"""A ring of float32 samples between one writer and one reader in different threads, without a lock.

The writer alone advances `written`, the reader alone advances `read`. The last `kept` samples that were read stay where
they are, for whoever has to go back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class Ring:
    def __init__(self, capacity: int, kept: int) -> None:
        self.written = 0
        self.read = 0
        self._kept = kept
        self._samples: Samples = np.zeros(capacity + kept, dtype=np.float32)  # [N]

    def __len__(self) -> int:
        """Samples that wait for the reader."""
        return self.written - self.read

    @property
    def room(self) -> int:
        return len(self._samples) - self._kept - len(self)

    def put(self, samples: Samples) -> None:
        """At most `room` of them. [N]"""
        at = self.written % len(self._samples)
        head = min(len(samples), len(self._samples) - at)
        self._samples[at : at + head] = samples[:head]
        self._samples[: len(samples) - head] = samples[head:]
        self.written += len(samples)  # last: from here on the reader sees them

    def take(self, out: Samples) -> None:
        """Fills `out`, at most as long as what waits."""
        self._copy(self.read, out)
        self.read += len(out)

    def before(self, out: Samples) -> None:
        """Fills `out`, at most `kept` long, with the last samples that were read; zeros where none were."""
        self._copy(self.read - len(out), out)

    def rest(self, back: int) -> Samples:
        """A copy of what waits, and of the last `back` samples read. Neither writer nor reader may be at work."""
        out = np.empty(back + len(self), dtype=np.float32)
        self._copy(self.read - back, out)
        return out

    def _copy(self, position: int, out: Samples) -> None:
        at = position % len(self._samples)
        head = min(len(out), len(self._samples) - at)
        out[:head] = self._samples[at : at + head]
        out[head:] = self._samples[: len(out) - head]
