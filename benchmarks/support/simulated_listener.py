"""What a listener hears of an utterance: from when its chunks were ready to its gaps. Pure arithmetic; seconds.

A listener begins at once with the first chunk, or follows the server's hints: a hint that comes before playback began
moves its beginning. Where the next sample is not there when its turn comes, he stands still until it is: an underrun.
C50 and C100 are the shares of utterances whose worst underrun is at most 50 and 100 ms.

P*, the least pre-buffer, is computed afterwards; TTFA + P* is the earliest start of playback without any gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.scheduling.playback import least_prebuffer

HEARD_S = 0.040  # received audio that counts as sound (TTFA)


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A chunk, on a clock that is 0 when the utterance's text was complete."""

    ready_s: float
    audio_s: float
    hint_s: float | None = None  # the server's pre-buffer, from the first chunk on; None: it says nothing (more)
    begins_segment: bool = False  # it follows a pause of the speaker's
    window: int = 0  # tokens, for traces


@dataclass(frozen=True, kw_only=True)
class Listening:
    """How playback went."""

    start_s: float
    underruns: tuple[float, ...]  # how long each lasted
    inside: float  # the worst of them that was not at the beginning of a segment

    @property
    def worst_s(self) -> float:
        return max(self.underruns, default=0.0)

    @property
    def missing_s(self) -> float:
        return sum(self.underruns)


def listen(arrivals: Sequence[Arrival], *, follow_hints: bool) -> Listening:
    start_s = advised_start_s(arrivals) if follow_hints else arrivals[0].ready_s
    due_s, underruns, inside = start_s, [], 0.0
    for arrival in arrivals:
        late_s = arrival.ready_s - due_s
        if late_s > 0:
            underruns.append(late_s)
            inside = inside if arrival.begins_segment else max(inside, late_s)
        due_s = max(due_s, arrival.ready_s) + arrival.audio_s
    return Listening(start_s=start_s, underruns=tuple(underruns), inside=inside)


def advised_start_s(arrivals: Sequence[Arrival]) -> float:
    """When the hints let playback begin."""
    first_s = start_s = arrivals[0].ready_s
    for arrival in arrivals:
        if arrival.ready_s <= start_s and arrival.hint_s is not None:
            start_s = max(arrival.ready_s, first_s + arrival.hint_s)
    return start_s


def ttfa_s(arrivals: Sequence[Arrival], muted_s: float = 0.0) -> float:
    """When 40 ms of audio were there, beyond what a model mutes; of a shorter utterance, when all was."""
    heard_s = 0.0
    for arrival in arrivals:
        heard_s += arrival.audio_s
        if heard_s >= muted_s + HEARD_S - 1e-9:
            return arrival.ready_s
    return arrivals[-1].ready_s


def prebuffer_s(arrivals: Sequence[Arrival]) -> float:
    """P*, counted from the first chunk."""
    return least_prebuffer([a.ready_s for a in arrivals], [a.audio_s for a in arrivals])


def gap_free_start_s(arrivals: Sequence[Arrival]) -> float:
    """The earliest beginning of playback without a gap."""
    return arrivals[0].ready_s + prebuffer_s(arrivals)


def played_s(arrivals: Sequence[Arrival], now_s: float) -> float:
    """How much a listener who follows the hints has played by now, of the chunks that came so far."""
    due_s, played = advised_start_s(arrivals), 0.0
    for arrival in arrivals:
        due_s = max(due_s, arrival.ready_s)
        played += min(max(0.0, now_s - due_s), arrival.audio_s)
        due_s += arrival.audio_s
    return played


def rtf(arrivals: Sequence[Arrival]) -> float:
    return arrivals[-1].ready_s / audio_s(arrivals)


def audio_s(arrivals: Sequence[Arrival]) -> float:
    return sum(arrival.audio_s for arrival in arrivals)


def share_within(worst_s: Sequence[float], limit_s: float) -> float:
    """C50 and C100: the share of utterances whose worst underrun is at most `limit_s`."""
    return sum(worst <= limit_s for worst in worst_s) / len(worst_s)
