"""How long work takes here and now, measured while it happens. Seconds; touched with the scheduler's lock held."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

MEMORY = 0.9  # weight of what is known against one new measurement
LONG_MEMORY = 0.99  # where measurements come often, and those of one kind for long
LOAD_MEMORY_S = 0.5  # what was so long ago counts a third as much for a load as what is now
FULL_LOAD = 0.8  # share of its time that the flow is busy where there is none to lose
IDLE_LOAD = 0.5  # share of its time that the flow may be busy and still count as having time to spare


@dataclass
class Average:
    """Exponentially weighted mean; the first measurement counts in full."""

    value: float
    known: bool = False

    def add(self, measured: float) -> None:
        self.value = MEMORY * self.value + (1 - MEMORY) * measured if self.known else measured
        self.known = True


@dataclass
class Load:
    """The share of its time that a worker works, a mean over time: many short works on end count as one long one."""

    value: float = 0.0

    def add(self, rested_s: float, worked_s: float) -> None:
        """Notes a rest and the work after it."""
        for length_s, share in ((rested_s, 0.0), (worked_s, 1.0)):
            kept = math.exp(-length_s / LOAD_MEMORY_S)
            self.value = kept * self.value + (1 - kept) * share


@dataclass
class Cost:
    """Seconds of work of some size, such as a window of so many tokens: a + b * size, by least squares with forgetting.

    Until different sizes were seen, the whole cost counts as proportional to the size."""

    prior_s: float  # of size 1
    memory: float = MEMORY
    line: tuple[float, float] = field(init=False)  # (a, b), neither negative
    _weight: float = 0.0
    _sums: list[float] = field(default_factory=lambda: [0.0] * 4)  # of x, y, xx, xy

    def __post_init__(self) -> None:
        self.line = 0.0, self.prior_s

    @property
    def is_known(self) -> bool:
        return self._weight > 0

    def add(self, size: float, seconds: float) -> None:
        new = (size, seconds, size * size, size * seconds)
        self._sums = [self.memory * old + value for old, value in zip(self._sums, new, strict=True)]
        self._weight = self.memory * self._weight + 1.0
        x, y, xx, xy = (total / self._weight for total in self._sums)
        spread = xx - x * x
        slope = (xy - x * y) / spread if spread > 0.01 * xx else y / x
        slope = min(max(0.0, slope), y / x)
        self.line = y - slope * x, slope

    def __call__(self, size: int) -> float:
        a, b = self.line
        return a + b * size


@dataclass
class Estimates:
    """The estimates of one engine. They are guesses until the warm-up has spoken."""

    token_s: Average = field(default_factory=lambda: Average(0.02))  # of one utterance, from a token to its next
    begin_s: Average = field(default_factory=lambda: Average(0.03))  # of T3, from taking up a segment to stepping it
    step_s: Cost = field(default_factory=lambda: Cost(0.0, LONG_MEMORY))  # of T3, of so many rows
    flow_s: Cost = field(default_factory=lambda: Cost(0.003))  # of a window of so many tokens
    vocoder_s: Cost = field(default_factory=lambda: Cost(0.001))
    flow_batch: Average = field(default_factory=lambda: Average(1.0))  # windows that are run together
    vocoder_batch: Average = field(default_factory=lambda: Average(1.0))
    flow_load: Load = field(default_factory=Load)  # of the flow's thread
    tokens_per_char: Average = field(default_factory=lambda: Average(1.7))  # speech tokens; 25 a second, 15 letters

    @property
    def flow_has_time(self) -> bool:
        """Whether there is time for work that may be discarded, and for windows that are smaller than they could be."""
        return self.flow_load.value <= IDLE_LOAD

    @property
    def flow_is_full(self) -> bool:
        """Then what the machine can do counts for more than that nobody waits for another."""
        return self.flow_load.value > FULL_LOAD
