"""A listener at a gateway's pool, who plays in real time and keeps all that he heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import numpy as np

from engine.messages import AudioChunk, Event, Failed, Finished, Playback, Utterance
from service.engines.pool import Pool
from service.engines.timings import GatewayTimings

MAX_LEAD_S = 2.0
PREBUFFER_S = 0.2
LIMIT_S = 120.0  # for one utterance
Arrivals = Sequence[tuple[float, int]]  # when, in monotonic seconds, and samples
Samples = np.ndarray[tuple[int], np.dtype[np.float32]]


class Listener:
    """Plays in real time, from the first sound on; is told of audio up to MAX_LEAD_S ahead."""

    def __init__(self, pool: Pool, name: str, *, voice: str = "") -> None:
        self.name, self.voice, self.done, self.error = name, voice, asyncio.Event(), ""
        self.arrivals: list[tuple[float, int]] = []
        self.pieces: list[Samples] = []
        self.moved_at: float | None = None  # when the first sound of another engine came
        self._pool, self._rate = pool, pool.info().sample_rate
        self._idle_until = 0.0

    async def speak(self, text: str, seed: int) -> None:
        """Until all has come, or an error. Raises what `Pool.submit` raises."""
        await self.submit(text, seed)
        await self.hear_all()

    async def submit(self, text: str, seed: int) -> None:
        await self._pool.submit(Utterance(id=self.name, seed=seed, voice=self.voice), self._hear)
        self._pool.push_text(self.name, text)
        self._pool.end_input(self.name)

    async def hear_all(self) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                await self.done.wait()
        except TimeoutError:
            self.error = f"not over after {LIMIT_S:g} s"
            self._pool.drop(self.name)

    async def leave(self) -> None:
        """In the middle of it."""
        await self._pool.cancel(self.name)
        self.done.set()

    def idle(self, seconds: float) -> None:
        """Takes no audio for so long."""
        self._idle_until = time.monotonic() + seconds

    @property
    def samples(self) -> Samples:
        return np.concatenate([np.zeros(0, np.float32), *self.pieces])

    def _hear(self, event: Event) -> None:
        match event:
            case AudioChunk():
                now = time.monotonic()
                self.arrivals.append((now, event.num_samples))
                self.pieces.append(event.samples)
                if self.moved_at is None and isinstance(event.timings, GatewayTimings) and event.timings.move_start_ns:
                    self.moved_at = now
                wait_s = max(self.arrivals[0][0] + self.audio_s - MAX_LEAD_S, self._idle_until) - now
                asyncio.get_running_loop().call_later(max(0.0, wait_s), self._release, event.num_samples)
            case Failed(error=error):
                self.error = f"{type(error).__name__}: {error}"
                self.done.set()
            case Finished():
                self.done.set()

    def _release(self, num_samples: int) -> None:
        self._pool.release(self.name, num_samples)
        played_s = time.monotonic() - self.arrivals[0][0]
        self._pool.playback(self.name, Playback(played_samples=round(played_s * self._rate)))

    @property
    def audio_s(self) -> float:
        return sum(count for _, count in self.arrivals) / self._rate

    def in_hand_s(self, at: float) -> float:
        return in_hand_s(self.arrivals, self._rate, at)

    def wrong(self, whole: Samples, tolerance: float = 0.0) -> str:
        """How what was heard differs from `whole`; "" if it does not."""
        if self.error:
            return self.error
        given = self.samples
        if len(given) != len(whole):
            return f"{len(given)} samples, not {len(whole)}"
        differs = float(np.abs(given - whole).max()) if len(given) else 0.0
        return f"differs by {differs:.1e}" if differs > tolerance else ""

    def worst_gap_s(self) -> float:
        return worst_gap_s(self.arrivals, self._rate)


def in_hand_s(arrivals: Arrivals, rate: int, at: float) -> float:
    """Audio that had come and was not played at that time."""
    come_s = sum(count for when, count in arrivals if when <= at) / rate
    return come_s - max(0.0, at - arrivals[0][0] - PREBUFFER_S) if arrivals else 0.0


def worst_gap_s(arrivals: Arrivals, rate: int) -> float:
    """Of a listener who begins PREBUFFER_S after the first sound."""
    if not arrivals:
        return 0.0
    due, worst = arrivals[0][0] + PREBUFFER_S, 0.0
    for when, count in arrivals:
        worst = max(worst, when - due)
        due = max(due, when) + count / rate
    return worst
