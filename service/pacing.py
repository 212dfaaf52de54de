"""How far audio may run ahead of the listener (`max_lead`). Pure arithmetic over a clock; samples of the output.

The listener is where his last playback report says, or, without one, where real-time playback since the first chunk
would be. Either position moves on in real time, but never beyond what was sent: a listener who starves stands still.
"""

from __future__ import annotations

from collections.abc import Callable

NS_PER_S = 1_000_000_000


class Pacer:
    def __init__(self, *, max_lead_s: float, sample_rate: int, now_ns: Callable[[], int], heard: int = 0) -> None:
        """`heard`: samples of another call, which the listener is taken to have played."""
        self._max_lead = round(max_lead_s * sample_rate)  # samples; 0: no pacing
        self._rate = sample_rate
        self._now_ns = now_ns
        self._sent = heard
        self._anchor_ns = 0  # when the listener was at _anchor
        self._anchor = heard

    @property
    def sent(self) -> int:
        return self._sent

    @property
    def listener(self) -> int:
        """Samples that the listener has played, as far as one can know."""
        elapsed = (self._now_ns() - self._anchor_ns) * self._rate // NS_PER_S
        return min(self._sent, self._anchor + elapsed)

    def report(self, played_samples: int) -> None:
        """The listener says where he is."""
        self._move_to(min(played_samples, self._sent))

    def on_sent(self, num_samples: int) -> None:
        self._move_to(self.listener)
        self._sent += num_samples

    def wait_s(self, num_samples: int) -> float:
        """How long to keep the next chunk back. A chunk longer than max_lead goes when all before it was played."""
        if self._max_lead == 0:
            return 0.0
        must_have_played = min(self._sent, self._sent + num_samples - self._max_lead)
        missing = must_have_played - self._anchor
        due_ns = self._anchor_ns + -(-missing * NS_PER_S // self._rate)
        return max(0, due_ns - self._now_ns()) / NS_PER_S if missing > 0 else 0.0

    def _move_to(self, position: int) -> None:
        self._anchor, self._anchor_ns = position, self._now_ns()
