"""Rates and lengths of a model's audio, and of what an utterance makes of it that speaks slower or faster."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

from engine.scheduling import sizes

LEAST_SOUND_S = 0.06  # of a first chunk: the 40 ms that TTFA counts, behind the 20 ms that published models mute
TEMPO_TOKENS = 1.25  # of sound that waits at most, at a rate other than 1, for what comes next
PACE_STEP = 0.06  # from one rounded rate to the next


@dataclass(frozen=True, kw_only=True)
class Timing:
    sample_rate: int  # Hz
    samples_per_token: float
    lookahead: int  # tokens, of the flow
    largest: int  # window, in tokens
    held_back_samples: int = 0  # by the vocoder, until a segment ends
    pause_samples: int = 0  # between segments, the shorter kind
    speaking_rate: float = 1.0  # relative to the model's own
    uneven_samples: float = 0.0  # that a window may make more than its tokens last: those before it made less

    def at(self, rate: float) -> Timing:
        """The same for an utterance of this speaking rate."""
        if rate == self.speaking_rate:
            return self
        uneven = TEMPO_TOKENS * self.samples_per_token
        return replace(
            self,
            speaking_rate=rate,
            samples_per_token=self.samples_per_token / rate,
            held_back_samples=self.held_back_samples + math.ceil(uneven),
            uneven_samples=uneven,
        )

    @cached_property
    def pace(self) -> float:
        """The speaking rate, as exactly as forecasts need it: there are few of them. Only 1 is 1."""
        steps = round(math.log(self.speaking_rate) / PACE_STEP)
        if steps == 0 and self.speaking_rate != 1.0:
            steps = 1 if self.speaking_rate > 1.0 else -1
        return math.exp(steps * PACE_STEP)

    @property
    def token_s(self) -> float:
        """What a token lasts."""
        return self.samples_per_token / self.sample_rate

    @cached_property
    def least_first(self) -> int:
        """Tokens of a first window that gives LEAST_SOUND_S of sound."""
        samples = self.held_back_samples + LEAST_SOUND_S * self.sample_rate
        return sizes.at_least(math.ceil(samples / self.samples_per_token), self.largest)
