"""A sound device that plays nothing, in real time: stands in for the module `sounddevice`, and can be told to fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

BLOCK_S = 0.02
LATENCY_S = 0.02


class CallbackStop(Exception):
    pass


class PortAudioError(Exception):
    pass


class FakeDevice:
    """The module and its one stream. `open_s`: how long opening takes; `stall`: it stands still for a while."""

    CallbackStop = CallbackStop
    PortAudioError = PortAudioError

    def __init__(self, open_s: float = 0.01) -> None:
        self.open_s = open_s
        self.latency = LATENCY_S
        self._stalls: list[tuple[float, float]] = []  # monotonic: from when, for how long
        self._running = False

    def stall(self, after_s: float, for_s: float) -> None:
        self._stalls.append((time.monotonic() + after_s, for_s))

    def OutputStream(  # noqa: N802
        self, *, samplerate: int, callback: Callable[..., None], finished_callback: Callable[[], None], **_: Any
    ) -> FakeDevice:
        self._rate, self._callback, self._finished = samplerate, callback, finished_callback
        return self

    def start(self) -> None:
        time.sleep(self.open_s)
        self._running = True
        self._thread = threading.Thread(target=self._play, name="fake-device", daemon=True)
        self._thread.start()

    def abort(self, ignore_errors: bool) -> None:
        self._running = False
        self._thread.join()

    @property
    def active(self) -> bool:
        return self._running

    def close(self, ignore_errors: bool) -> None:
        pass

    def _play(self) -> None:
        block = np.zeros((round(BLOCK_S * self._rate), 1), np.float32)
        next_s = time.monotonic()
        while self._running:
            for stall in [stall for stall in self._stalls if stall[0] <= time.monotonic()]:
                self._stalls.remove(stall)
                time.sleep(stall[1])
                next_s += stall[1]
            now_s = time.monotonic()
            instant = SimpleNamespace(currentTime=now_s, outputBufferDacTime=now_s + LATENCY_S)
            try:
                self._callback(block, len(block), instant, None)
            except CallbackStop:
                break
            next_s += BLOCK_S
            time.sleep(max(0.0, next_s - time.monotonic()))
        self._finished()
