"""Rates and lengths of a model's audio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from engine.scheduling import sizes

LEAST_SOUND_S = 0.06  # of a first chunk: the 40 ms that TTFA counts, behind the 20 ms that published models mute


@dataclass(frozen=True, kw_only=True)
class Timing:
    sample_rate: int  # Hz
    samples_per_token: int
    lookahead: int  # tokens, of the flow
    largest: int  # window, in tokens
    held_back_samples: int = 0  # by the vocoder, until a segment ends
    pause_samples: int = 0  # between segments, the shorter kind

    @cached_property
    def least_first(self) -> int:
        """Tokens of a first window that gives LEAST_SOUND_S of sound."""
        samples = self.held_back_samples + LEAST_SOUND_S * self.sample_rate
        return sizes.at_least(math.ceil(samples / self.samples_per_token), self.largest)
