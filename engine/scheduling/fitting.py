"""How many utterances fit, and when whoever does not should come again. Pure: rates and counts in, a number out.

Measured admission: several utterances speak at once, as fast as they can (throughput.py). What they make together, in
seconds of audio per second, is how many listeners could be fed in real time; MARGIN of it is promised. More utterances
get more out of the machine, because T3 steps them all at once, so their number grows until the promise is near it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MARGIN = 0.6  # of what the machine makes: utterances come in bunches, and begin with small windows
FIRST_COUNT = 4  # utterances that are tried at once, after one alone
GROWTH = 2  # from one trial to the next, at most
WORTH_ANOTHER = 1.25  # of what was tried: a promise beyond that is measured, a smaller one is near enough
LEAST_WAIT_S = 1.0  # asking again sooner is seldom worth it, and costs those who speak
MOST_WAIT_S = 10.0
OPEN_WAIT_S = 1.0  # where nobody's text is complete, so that nobody's end is known


def streams_that_fit(audio_per_s: Callable[[int], float], most: int) -> int:
    """At least 1, at most `most`. `audio_per_s`: seconds of audio that so many utterances make in a second."""
    count, best = 1, 0.0
    while True:
        best = max(best, audio_per_s(count))  # the first trial with a count may wait for what is made for it once
        promised = min(most, int(MARGIN * best))
        if promised < WORTH_ANOTHER * count or count == most:
            return max(1, promised)
        count = min(promised, max(FIRST_COUNT, GROWTH * count))


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What an utterance has yet to say."""

    tokens: float
    lasts_s: float  # what these sound like
    is_open: bool  # more text may come
    in_real_time: bool  # its audio waits for its listener


def retry_after_s(rests: Sequence[Rest], token_s: float) -> float:
    """When the first place is likely to be free: the shortest rest of those whose text is complete.

    `token_s`: what a token of one of them takes at this load."""
    ends = [rest.lasts_s if rest.in_real_time else rest.tokens * token_s for rest in rests if not rest.is_open]
    return min(max(LEAST_WAIT_S, min(ends, default=OPEN_WAIT_S)), MOST_WAIT_S)
