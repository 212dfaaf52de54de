"""When an utterance's listener runs out of audio, and what is still to come for him: the scheduler's view of time.

A listener is where his last report says, or, without reports, where real-time playback would be. All instants are
`engine.clock.now_ns()`; everything is touched with the scheduler's lock held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from engine.scheduling import playback, windows
from engine.scheduling.estimates import Estimates
from engine.scheduling.ledger import SegmentTokens
from engine.scheduling.machines import Machines
from engine.scheduling.playback import Machine, Stretch
from engine.scheduling.running import RunningUtterance
from engine.scheduling.timing import Timing

NS_PER_S = 1_000_000_000
WRITER_NS = 400_000_000  # before a listener runs out: text that comes later is the reason for a late chunk
MOST_SLACKS = 1000  # that are kept for whoever asks
HINT_FACTOR = 1.1  # how much is yet to come is an estimate; too late an end of the pre-buffer costs less than a gap


class Deadlines:
    def __init__(self, timing: Timing, estimates: Estimates, *, hints: bool, rescue: bool = False) -> None:
        """`hints`: whether listeners are told how long to wait before they begin. `rescue`: whether windows may do
        without lookahead to be in time."""
        self.timing = timing
        self._estimates = estimates
        self._hints = hints
        self._rescue = rescue
        self._slacks_s: deque[float] = deque(maxlen=MOST_SLACKS)  # of the chunks since somebody asked
        self._machines = Machines(timing, estimates)

    @property
    def machine(self) -> Machine:
        """What this machine costs at the moment, about."""
        return self.machine_at(1.0)

    def machine_at(self, pace: float) -> Machine:
        """The same for who speaks at this pace."""
        return self._machines.now(rescues=self._rescue and self._estimates.flow_has_time, pace=pace)

    def lead_s(self, running: RunningUtterance, now: int) -> float | None:
        """How long the listener's audio lasts from now, what is in the vocoder included; None: nothing was made yet."""
        timing = running.timing
        samples = running.tokens_in_vocoder * timing.samples_per_token
        if not running.first_chunk_ns:
            samples -= running.samples_to_drop
            return max(0, samples - timing.held_back_samples) / timing.sample_rate if samples > 0 else None
        return (running.runs_out_ns - now) / NS_PER_S + samples / timing.sample_rate

    def least_lead_s(self, everyone: Iterable[RunningUtterance], now: int) -> float | None:
        """The least audio that any listener has ahead, of those who have begun to hear, are owed more and have room
        for it; None: there is none."""
        leads_s = [self.lead_s(one, now) for one in everyone if one.is_heard and one.is_owed and not one.channel_full]
        return min((lead_s for lead_s in leads_s if lead_s is not None), default=None)

    def coming(self, segment: SegmentTokens) -> int:
        """Tokens that T3 is still expected to draw for a segment."""
        if segment.closed:
            return 0
        return max(1, round(self._estimates.tokens_per_char.value * len(segment.spoken)) - segment.drawn)

    def note_audio(self, running: RunningUtterance, num_samples: int, now: int, text_ns: int = 0) -> float | None:
        """A chunk leaves at `now`: moves the deadline. Gives the pre-buffer to hint at, while it matters.

        `text_ns`: when its text was there. A chunk whose text came when the listener had hardly any audio left is as
        late as the writer was, and says nothing of the machine."""
        self.hear(running)
        rate = self.timing.sample_rate
        running.samples_sent += num_samples
        first = not running.first_chunk_ns
        if first:
            running.first_chunk_ns = running.starts_ns = running.runs_out_ns = now
        elif running.runs_out_ns - text_ns >= WRITER_NS:
            self._slacks_s.append((running.runs_out_ns - now) / NS_PER_S)
        if not first and (running.listener_reports or now >= running.starts_ns or not self._hints):
            # A listener who starves stands still until there is something again.
            running.runs_out_ns = max(running.runs_out_ns, now) + num_samples * NS_PER_S // rate
            return None
        hint_s = self._prebuffer_s(running, now) if self._hints and not running.from_sample else None
        running.starts_ns = running.first_chunk_ns + round((hint_s or 0.0) * NS_PER_S)
        given = running.samples_sent - running.from_sample
        running.runs_out_ns = max(running.starts_ns, now) + given * NS_PER_S // rate
        return hint_s

    def take_slacks_s(self) -> list[float]:
        """How long before its turn each chunk was delivered since the last call, but first ones; negative: late."""
        slacks_s = list(self._slacks_s)
        self._slacks_s.clear()
        return slacks_s

    def _prebuffer_s(self, running: RunningUtterance, now: int) -> float:
        timing = running.timing
        segments = [entry for entry in running.ledger.entries if isinstance(entry, SegmentTokens)]
        stretches = [
            Stretch(segment.waiting, self.coming(segment), index == 0 and running.segment_windows > 0)
            for index, segment in enumerate(segments)
        ]
        per_char = self._estimates.tokens_per_char.value
        chars_ahead = [*running.chars_ahead, running.segmenter.chars_waiting]
        stretches += [Stretch(0, max(1, round(per_char * chars))) for chars in chars_ahead if chars]
        machine = self.machine_at(timing.pace)
        elapsed_s = (now - running.first_chunk_ns) / NS_PER_S
        made = running.samples_sent + running.tokens_in_vocoder * timing.samples_per_token
        lasts_s = made / timing.sample_rate - elapsed_s  # from now, had it begun at once
        needed_s = playback.latest(machine, stretches, lasts_s)
        return HINT_FACTOR * needed_s + windows.SLACK_S if needed_s > 0 else 0.0

    def hear(self, running: RunningUtterance) -> None:
        """Believes the listener's latest report."""
        report, running.report = running.report, None
        if report is not None:
            running.listener_reports = True
            has = max(running.samples_sent, running.from_sample)
            left = has - min(report.played_samples, has)
            running.runs_out_ns = report.at_ns + left * NS_PER_S // self.timing.sample_rate
