"""How long before its turn each chunk of an utterance is sent. Pure arithmetic; samples of the output, nanoseconds.

The listener begins after the pre-buffer that he was told of, or is where his last playback report says. One who starves
stands still until there is something again, so every late chunk counts by itself.
"""

from __future__ import annotations

from service.pacing import NS_PER_S


class ChunkDeadlines:
    def __init__(self, sample_rate: int, sent: int = 0) -> None:
        self._rate = sample_rate
        self._sent = sent
        self._first_ns: int | None = None  # when the first chunk was sent
        self._starts_ns = 0  # when playback begins; 0: a report came, and it has
        self._runs_out_ns = 0  # when all that was sent will have been played

    def report(self, played: int, now_ns: int) -> None:
        """A playback report. Before the listener has begun it says nothing."""
        if played:
            self._starts_ns = 0
            self._runs_out_ns = now_ns + (self._sent - min(played, self._sent)) * NS_PER_S // self._rate

    def on_sent(self, num_samples: int, hint_s: float | None, now_ns: int) -> float | None:
        """Seconds left when a chunk is sent, negative: it is late; None for the first one, which has no turn."""
        first = self._first_ns is None
        if self._first_ns is None:
            self._first_ns = self._starts_ns = self._runs_out_ns = now_ns
        if hint_s is not None and now_ns <= self._starts_ns:
            revised_ns = max(now_ns, self._first_ns + round(hint_s * NS_PER_S))
            self._runs_out_ns += revised_ns - self._starts_ns
            self._starts_ns = revised_ns
        slack_s = (self._runs_out_ns - now_ns) / NS_PER_S
        self._sent += num_samples
        self._runs_out_ns = max(self._runs_out_ns, now_ns) + num_samples * NS_PER_S // self._rate
        return None if first else slack_s
