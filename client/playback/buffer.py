"""What one open device plays: a ring of samples at the device's rate, and the callback that takes them out.

The callback copies and counts; it makes no array, takes no lock, waits for nothing and raises nothing but its own end.
The player's loop puts samples in and sets `start_ns`, `ended` and `stopped`; all other state is the callback's.
Positions in and out of here are samples of the utterance; those inside, of the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._clock import Span, now_ns
from ..audio import Samples
from ..record import Underrun
from .device import Resampler
from .fade import Fade

BUFFER_S = 30.0  # capacity of the ring
KEPT_S = 0.1  # what the device was given last, should it be lost before it sounded
_TAIL_MARGIN_S = 0.05  # silence at the end, beyond the latency that the stream reports
_MAX_NOTES = 1024  # underruns and stalls that the log holds; what comes later is counted, not noted
_STALL_S = 0.05  # a device that asks so much later than its last block lasts, and than it has buffered, stood still
_NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class DeviceNotes:
    """What the callback saw."""

    underruns: tuple[Underrun, ...]
    underrun_count: int
    missing_samples: int
    stalls: tuple[Span, ...]


class Ring:
    """Float32 samples between one writer and one reader in different threads, without a lock.

    The writer alone advances `written`, the reader alone advances `read`. The last `kept` samples that were read stay
    where they are, for whoever has to go back.
    """

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


class PlaybackBuffer:
    def __init__(self, utterance_rate: int, device_rate: int, end: type[Exception]) -> None:
        """`end`: what the callback raises when the device may stop asking."""
        self.rate = device_rate
        self.start_ns = 0  # the sound begins no sooner
        self.ended = False  # nothing more comes
        self.stopped = False  # nothing more is wanted; implies `ended`
        self.over = False  # all has sounded
        self.started_ns: int | None = None  # the first sample sounds, by the device's own clock
        self.due_ns = 0  # the device should ask; 0: it never has
        self.asked_ns = 0
        self.latency_s = 0.0
        self.base = 0  # the position of the ring's first sample
        self._utterance_rate = utterance_rate
        self._end = end
        self._ring = Ring(round(BUFFER_S * device_rate), kept=round(KEPT_S * device_rate))
        self._resampler = None if device_rate == utterance_rate else Resampler(utterance_rate, device_rate)
        self._fade = Fade(device_rate)
        self._silent = False  # after the beginning: nothing is there to be played
        self._block = 0  # samples that the device asks for
        self._patience_ns = 0
        self._tail_left = 0
        self._missing = 0
        self._underruns = 0
        self._gaps: NDArray[np.int64] = np.zeros((_MAX_NOTES, 3), dtype=np.int64)  # position, ns, missing samples
        self._stall_count = 0
        self._stalls: NDArray[np.int64] = np.zeros((_MAX_NOTES, 2), dtype=np.int64)  # from ns, to ns

    # ---------------------------------------------------------------------------------------------- the player's side

    @property
    def played(self) -> int:
        return self.base + self._at_utterance_rate(self._ring.read)

    @property
    def room(self) -> int:
        """Samples that `put` takes now."""
        held = self._resampler.held if self._resampler else 0
        again = round(KEPT_S * self.rate)  # should the device be lost
        return max(0, self._at_utterance_rate(self._ring.room - held - again))

    @property
    def block_s(self) -> float:
        return self._block / self.rate

    def opened(self, latency_s: float) -> None:
        """The device is about to ask for the first time."""
        self.latency_s = latency_s
        # Quirk: PortAudio on ALSA drops at the end what the device has not yet sounded. So silence goes last.
        self._tail_left = round((latency_s + _TAIL_MARGIN_S) * self.rate)
        self._patience_ns = round(max(_STALL_S, latency_s) * _NS)

    def put(self, samples: Samples) -> None:
        """At most `room` samples. [N]"""
        self._ring.put(self._resampler(samples) if self._resampler else samples)

    def end(self) -> None:
        if self._resampler:
            self._ring.put(self._resampler.rest())
        self.start_ns, self.ended = 0, True  # nothing is left to wait for

    def stop(self) -> None:
        self.stopped = True
        self.start_ns, self.ended = 0, True

    def take_over(self, lost: PlaybackBuffer) -> None:
        """Goes on where a device that does not ask any more left off, with what it was given and had not sounded."""
        self.start_ns, self.ended, self.stopped = lost.start_ns, lost.ended, lost.stopped
        if lost._resampler and not lost.ended:
            lost._ring.put(lost._resampler.rest())
        again = min(lost._ring.read, round(min(lost.latency_s, KEPT_S) * lost.rate))
        self.base = lost.base + lost._at_utterance_rate(lost._ring.read - again)
        rest = lost._ring.rest(again)
        self._ring.put(rest if self.rate == lost.rate else Resampler.whole(rest, lost.rate, self.rate))
        if lost.due_ns:
            self.due_ns = lost.due_ns - again * _NS // lost.rate
        self._silent = lost.started_ns is not None  # the sound goes on after a gap

    def notes(self) -> DeviceNotes:
        converted = self._at_utterance_rate
        return DeviceNotes(
            underruns=tuple(
                Underrun(
                    position=self.base + converted(at),
                    at_ns=at_ns,
                    missing_samples=converted(missing),
                )
                for at, at_ns, missing in self._gaps[: self._underruns].tolist()
            ),
            underrun_count=self._underruns,
            missing_samples=converted(self._missing),
            stalls=tuple(Span(begin, end) for begin, end in self._stalls[: self._stall_count].tolist()),
        )

    def standing_still(self) -> list[Span]:
        """The stall that lasts right now, if one does."""
        late = Span(self.due_ns, now_ns())
        return [late] if self.due_ns and not self.over and late.length_ns > self._patience_ns else []

    def _at_utterance_rate(self, samples: int) -> int:
        return samples * self._utterance_rate // self.rate

    # ---------------------------------------------------------------------------------------------- the device's side

    def callback(self, out: NDArray[np.float32], frames: int, time: Any, status: Any) -> None:
        """`out` [frames, 1] is to be filled."""
        self._note_asking(frames)
        ended = self.ended  # before the ring is looked at: what was written before the end is played
        sound = out[:, 0]
        sound.fill(0.0)
        if self.started_ns is None and not self._begins(ended, time):
            return
        at = self._fade.fade_out(sound)
        if not self.stopped:
            self._miss(at)
        at += self._take(sound[at:])
        if at < frames:
            self._do_without(sound[at:], ended)

    def _begins(self, ended: bool, time: Any) -> bool:
        if not (len(self._ring) or ended) or now_ns() < self.start_ns:
            return False
        if len(self._ring) and not self.stopped:
            self.started_ns = now_ns() + int((time.outputBufferDacTime - time.currentTime) * 1e9)
        return True

    def _take(self, sound: Samples) -> int:
        """Fills the beginning of `sound` with what is there; how many samples that were."""
        count = 0 if self.stopped else min(len(sound), len(self._ring))
        if count:
            if self._silent:
                self._silent = False
                self._fade.resume()
            self._ring.take(sound[:count])
            self._fade.fade_in(sound[:count])
        return count

    def _do_without(self, sound: Samples, ended: bool) -> None:
        """Nothing is there for `sound`, because all was played, or is not wanted, or has not come."""
        begins, self._silent = not self._silent, True
        over = self.stopped or (ended and not len(self._ring))
        if begins and (self.stopped or not over):
            self._ring.before(self._fade.before)
            self._fade.break_off()
            self._fade.fade_out(sound)
        if not over:
            if begins:
                self._note_gap()
            self._miss(len(sound))
            return
        self._tail_left -= len(sound)
        if self._tail_left <= 0:
            self.over = True
            raise self._end

    def _note_gap(self) -> None:
        if self._underruns < _MAX_NOTES:
            self._gaps[self._underruns, :2] = self._ring.read, self.asked_ns
        self._underruns += 1

    def _miss(self, count: int) -> None:
        self._missing += count
        if 0 < self._underruns <= _MAX_NOTES:
            self._gaps[self._underruns - 1, 2] += count

    def _note_asking(self, frames: int) -> None:
        """A device that asks much later than its last block lasts stood still meanwhile, and so did the sound."""
        self.asked_ns = now_ns()
        if self.due_ns and self.asked_ns - self.due_ns > self._patience_ns and self._stall_count < _MAX_NOTES:
            self._stalls[self._stall_count] = self.due_ns, self.asked_ns
            self._stall_count += 1
        self._block, self.due_ns = frames, self.asked_ns + frames * _NS // self.rate
