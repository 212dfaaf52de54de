"""Which tokens the next flow window takes, and when. There are two ways to decide.

`deadline_window` decides from the listener's deadline and from what the machine costs now. A first window is as small
as gap-free playback allows. After it a window waits, and so grows, until it is full or its audio would come late; large
windows cost less for a token and know more of what follows. `ladder_window` takes sizes from a fixed list, so that they
depend on the tokens alone. The largest size of that list also bounds the windows that are decided by deadline
(`largest` of `Timing` and `Machine`). Windows that are decided by deadline have one of few sizes (sizes.py). Both ways
are pure: seconds and tokens go in, a window or a waiting time comes out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.scheduling import playback, sizes
from engine.scheduling.playback import Machine, Stretch

SLACK_S = 0.05  # a chunk is to be ready so long before its turn: threads wake late, packets travel
WORTH_S = 0.04  # a start that comes sooner by less is not worth a worse first window
CATCHES_UP = 0.75  # of real time: T3 at this pace makes up for a missing lookahead within a few windows
COMFORT_S = 0.5  # of audio: who has more lets those go first who are short of time, and takes no small window for them
FAIRNESS = 1.5  # times the round of all who are short of time that a window should last
ROUND_S = 0.05  # in which all who are short of time have a turn, if windows can be so small and keep up
QUEUE_STEP_S, MOST_QUEUE_S = 0.02, 0.2  # as exactly, and as far, as a queue is foreseen
WORTH_WAITING_S = 0.1  # a gap that is shorter is let be, where it comes


@dataclass(frozen=True, kw_only=True)
class LadderConfig:
    sizes: tuple[int, ...] = (6, 12, 25)  # tokens; the last size repeats

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError("sizes must hold at least one size of at least 1 token")


@dataclass(frozen=True)
class Window:
    n_new: int  # tokens that the window speaks
    lookahead: int  # tokens that it sees beyond
    final: bool  # the segment's last


def ladder_window(config: LadderConfig, index: int, waiting: int, closed: bool, lookahead: int) -> Window | None:
    """The window number `index` of a segment that has `waiting` tokens, or None: more tokens are needed.

    Fixed sizes make the audio a function of text and seed alone, whatever the load. A window is run once its lookahead
    is complete; what is left of a closed segment when a full window with lookahead does not fit becomes the final one.
    Depends on the tokens alone: whether a window is final does not depend on when the stop token became known."""
    size = config.sizes[min(index, len(config.sizes) - 1)]
    if waiting >= size + lookahead:
        return Window(n_new=size, lookahead=lookahead, final=False)
    return Window(n_new=waiting, lookahead=0, final=True) if closed else None


def largest_peek(config: LadderConfig, lookahead: int) -> int:
    """Tokens that must fit into a ledger, or T3 and flow would wait for each other for ever."""
    return max(config.sizes) + lookahead


@dataclass(slots=True, kw_only=True)
class SegmentStatus:
    """What is known of the segment whose turn it is in an utterance."""

    waiting: int  # tokens drawn and not spoken
    closed: bool  # T3 has drawn all of them
    coming: int  # tokens that T3 is still expected to draw for it
    fresh: bool  # no window of this segment was run yet
    lead_s: float | None  # how long the listener's audio lasts from now; None: nothing was sent yet
    others: int  # utterances whose windows stand in front: their listeners run out sooner
    others_running: bool = False  # whether there are other utterances, one of whose windows may just have begun
    urgent: int = 0  # other utterances whose listeners run out before all could be given a full window
    spare_s: float = math.inf  # how long the flow may be busy with this one before another one's audio comes late


def deadline_window(segment: SegmentStatus, machine: Machine, least_first: int) -> Window | float | None:
    """A window to run now, or how long to wait before asking again, or None: more tokens are needed first.

    `least_first`: tokens of the shortest first chunk that is any sound at all."""
    if segment.lead_s is not None and _lets_others_go(segment, machine):
        return segment.lead_s - COMFORT_S
    enough = _until_next_turn(segment, machine)
    if segment.closed and segment.waiting <= enough + machine.lookahead:
        return Window(n_new=segment.waiting, lookahead=0, final=True)
    if segment.lead_s is None:
        return _first(segment, machine, least_first)
    ready = sizes.at_most(min(segment.waiting - machine.lookahead, enough), machine.largest)
    if ready == enough:
        return Window(n_new=ready, lookahead=machine.lookahead, final=False)
    if (segment.fresh or segment.lead_s < 0) and _deficit_s(segment, machine) > WORTH_WAITING_S:
        return None  # one wait now, between segments if it can be, instead of many small ones inside words
    size = max(1, ready)
    in_front_s = segment.others * machine.turn_s(size)
    spare_s = segment.lead_s - in_front_s - machine.window_s(size) - _slack_s(segment, machine)
    if ready >= _least(segment, machine, enough):
        return spare_s if spare_s > 0 else Window(n_new=ready, lookahead=machine.lookahead, final=False)
    if ready < 1 and segment.waiting > machine.least_lookahead:
        # Its deadline would be missed: sound goes on with as much of the lookahead as can be had.
        size = min(machine.least_lasting(FAIRNESS), segment.waiting - machine.least_lookahead)
        size = sizes.at_most(size, machine.largest)
        spare_s += SLACK_S / 2
        return spare_s if spare_s > 0 else Window(n_new=size, lookahead=segment.waiting - size, final=False)
    return None


def spare_lookahead(machine: Machine) -> int:
    """Tokens of the lookahead that windows may do without to be in time. All of them, where T3 makes the listener wait
    for them and makes up for the lack within a few windows; near real time the lack would stay."""
    worth_it = machine.lookahead * machine.token_s >= WORTH_S
    return machine.lookahead if worth_it and machine.token_s <= CATCHES_UP * machine.audio_s else 0


def tokens_wanted(segment: SegmentStatus, machine: Machine, least_first: int) -> int:
    """How many must be waiting before it is worth asking again, where `deadline_window` says that more are needed."""
    if segment.lead_s is not None:
        return max(segment.waiting, machine.least_lookahead) + 1
    return max(segment.waiting + 1, _first_size(segment, machine, least_first) + machine.least_lookahead)


def _first(segment: SegmentStatus, machine: Machine, least_first: int) -> Window | None:
    size = _first_size(segment, machine, least_first)
    if segment.waiting - machine.least_lookahead < size:
        return None
    if not segment.urgent:
        size = max(size, sizes.at_most(segment.waiting - machine.lookahead, machine.largest))
    return Window(n_new=size, lookahead=min(machine.lookahead, segment.waiting - size), final=False)


def _first_size(segment: SegmentStatus, machine: Machine, least_first: int) -> int:
    """Where others are short of time, at least as much as lasts until the next turn."""
    least = max(least_first, machine.least_lasting(FAIRNESS * (1 + segment.urgent))) if segment.urgent else least_first
    coming = _about(min(segment.coming + segment.waiting, machine.foresight))
    queue_s = segment.urgent * machine.turn_s(least)  # that the next window may stand in
    slack_s = _slack_s(segment, machine) + QUEUE_STEP_S * math.ceil(min(queue_s, MOST_QUEUE_S) / QUEUE_STEP_S)
    return playback.first_window(machine, coming, least, slack_s)


def _about(tokens: int) -> int:
    """Rounded to steps of ten: an estimate is no worse for it, and its results are computed less often."""
    return tokens if tokens < 20 else tokens // 10 * 10


def _slack_s(segment: SegmentStatus, machine: Machine) -> float:
    return SLACK_S + (machine.window_s(machine.largest) if segment.others_running else 0.0)


def _lets_others_go(segment: SegmentStatus, machine: Machine) -> bool:
    """Whether a listener with enough audio waits, because this window would make another listener's audio late."""
    takes_s = machine.window_s(min(segment.waiting, machine.largest))
    return segment.urgent > 0 and _is_comfortable(segment) and takes_s > segment.spare_s


def _is_comfortable(segment: SegmentStatus) -> bool:
    return segment.lead_s is not None and segment.lead_s > COMFORT_S


def _until_next_turn(segment: SegmentStatus, machine: Machine) -> int:
    """The most tokens of a window. Where others are short of time, a full window would cause a gap for them. Then it
    has as many tokens as make nobody late, or as let all who are short of time have their turn within ROUND_S, and at
    least as many as last until then."""
    if not segment.urgent or _is_comfortable(segment):
        return machine.largest
    turns = 1 + segment.urgent
    return max(
        machine.least_lasting(FAIRNESS * turns),
        machine.most_within(segment.spare_s),
        machine.most_taking_turns(ROUND_S / turns),
    )


def _least(segment: SegmentStatus, machine: Machine, enough: int) -> int:
    """The least tokens of a late window: they last until all who are short of time had their turn. A smaller window
    would be late again, and everybody with it."""
    if not segment.urgent:
        return 1
    return max(machine.least_lasting(1 + segment.urgent), sizes.at_most(enough // 4, machine.largest))


def _deficit_s(segment: SegmentStatus, machine: Machine) -> float:
    """How late the rest of the segment would come if its next window were run now."""
    assert segment.lead_s is not None
    stretch = Stretch(segment.waiting, _about(segment.coming), not segment.fresh)
    first_s, needed_s = playback.reserve(machine, playback.foreseen(machine, [stretch])[0][0])
    return max(0.0, needed_s - max(segment.lead_s, first_s))
