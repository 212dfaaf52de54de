"""Prepared voices: what T3 and the flow compute of a voice once, shared by its utterances, bounded in bytes.

A prepared voice of a full-size model holds hundreds of MB, so not all voices are prepared all the time. An utterance
pins its voice; of the unpinned voices the least recently used are evicted when room is needed. One thread, `voices`,
prepares; on Linux it yields to the threads that speak.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from engine.apart import stand_back
from engine.errors import EngineClosed, Overloaded, Unsupported
from engine.watchdog import Watched, ends_within

log = logging.getLogger(__name__)

CLONING_S = 60.0  # within which it is not overdue: the first one reads its encoders from the disk
RETRY_AFTER_S = 5.0  # a voice gets free when an utterance ends


class Named(Protocol):
    """Known by identity, so that a voice deleted and created anew under its name is prepared anew."""

    @property
    def name(self) -> str: ...


class Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


K = TypeVar("K", bound=Named)
V = TypeVar("V", bound=Sized)
R = TypeVar("R")


class PreparedVoices(Generic[K, V]):
    def __init__(self, prepare: Callable[[K], V], max_bytes: int, on_start: Callable[[], None]) -> None:
        self._prepare = prepare
        self._max_bytes = max_bytes
        self._held: OrderedDict[K, V] = OrderedDict()  # the most recently used last
        self._coming: dict[K, Future[V]] = {}
        self._pins: Counter[K] = Counter()
        self._lock = threading.Lock()
        self._closed = False

        def start() -> None:
            stand_back()
            on_start()

        self._preparing = Watched("the voices thread")
        self._cloning = Watched("the voices thread, cloning", CLONING_S)
        self.watched = (self._preparing, self._cloning)
        self._thread = ThreadPoolExecutor(1, "voices", initializer=start)

    def pin(self, voice: K) -> Future[V]:
        """The prepared voice, which stays until `unpin`, to be called once for every pin, whatever the future brings.

        It fails with Overloaded when the voices in use leave no room, with Unsupported when there never is room for it,
        or with what preparing raised."""
        with self._lock:
            self._pins[voice] += 1
            if prepared := self._held.get(voice):
                self._held.move_to_end(voice)
                ready: Future[V] = Future()
                ready.set_result(prepared)
                return ready
            if voice not in self._coming:
                self._coming[voice] = self._submit(lambda: self._fetch(voice), self._preparing)
            return self._coming[voice]

    def unpin(self, voice: K) -> None:
        with self._lock:
            self._pins[voice] -= 1
            if not self._pins[voice]:
                del self._pins[voice]

    def drop(self, voice: K) -> None:
        """Forgets a voice that was deleted; utterances that speak with it keep it."""
        with self._lock:
            self._held.pop(voice, None)

    def bytes_held(self, voice: K) -> int:
        with self._lock:
            prepared = self._held.get(voice)
            return prepared.nbytes if prepared else 0

    def run(self, work: Callable[[], R]) -> R:
        """Runs other long work of voices on the same thread, and waits for it."""
        return self._submit(work, self._cloning).result()

    def _submit(self, work: Callable[[], R], watched: Watched) -> Future[R]:
        def unless_closed() -> R:
            if self._closed:
                raise EngineClosed("the engine is shutting down")
            watched.begin()
            try:
                return work()
            finally:
                watched.end()

        try:
            return self._thread.submit(unless_closed)
        except RuntimeError as error:
            raise EngineClosed("the engine is shutting down") from error

    def close(self, limit_s: float = 5.0) -> None:
        """What runs is waited for, but no longer than that; what waits fails with EngineClosed."""
        self._closed = True
        if not ends_within(limit_s, self._thread.shutdown, "voices-end"):
            log.error("the voices thread does not end")

    def _fetch(self, voice: K) -> V:
        started = time.monotonic()
        try:
            prepared = self._prepare(voice)
            if prepared.nbytes > self._max_bytes:
                raise Unsupported(
                    f"voice {voice.name!r} needs {_mib(prepared.nbytes)}, more than there is for voices: "
                    f"{_mib(self._max_bytes)} (--voice-memory)"
                )
            with self._lock:
                in_use = self._make_room(prepared.nbytes)
                if in_use + prepared.nbytes > self._max_bytes:
                    raise Overloaded(
                        f"voice {voice.name!r} needs {_mib(prepared.nbytes)}, voices in use hold {_mib(in_use)} "
                        f"of {_mib(self._max_bytes)} (--voice-memory)",
                        RETRY_AFTER_S,
                    )
                self._held[voice] = prepared
        finally:
            with self._lock:
                del self._coming[voice]
        log.info("voice %s prepared in %.1f s: %s", voice.name, time.monotonic() - started, _mib(prepared.nbytes))
        return prepared

    def _make_room(self, needed: int) -> int:
        """Lets unused voices go, the least recently used first, until so many bytes are free; the bytes still held."""
        total = sum(prepared.nbytes for prepared in self._held.values())
        for voice in list(self._held):
            if total + needed > self._max_bytes and not self._pins[voice]:
                total -= self._held.pop(voice).nbytes
        return total


def _mib(nbytes: int) -> str:
    return f"{nbytes / 2**20:.0f} MiB"
