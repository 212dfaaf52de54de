"""A device that asks when the test says so, and that may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from client.playback.fade import FADE_S

RATE = 1000  # Hz
LATENCY_S = 0.02
BLOCK = 10  # samples
FADE = round(FADE_S * RATE)  # samples
INVALID_SAMPLE_RATE = -9997


class CallbackStop(Exception):
    pass


class PortAudioError(Exception):
    pass


@dataclass
class Device:
    """Stands in for the module `sounddevice` and its one stream; `ask` is the device wanting samples."""

    broken: bool = False
    takes: int = RATE
    latency: float = LATENCY_S
    aborted: bool = False
    stopped: bool = False
    looks: int = 0  # at the list of devices
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    heard: list[NDArray[np.float32]] = field(default_factory=list)
    PortAudioError = PortAudioError
    CallbackStop = CallbackStop

    def OutputStream(  # noqa: N802
        self, *, samplerate: int, callback: Callable[..., None], finished_callback: Callable[[], None], **format: Any
    ) -> Device:
        if self.broken:
            raise PortAudioError("device is busy")
        if samplerate != self.takes:
            raise PortAudioError("Invalid sample rate", INVALID_SAMPLE_RATE)
        assert format == {"channels": 1, "dtype": "float32"}
        self._callback, self._finished = callback, finished_callback
        return self

    def query_devices(self, kind: str) -> dict[str, float]:
        return {"default_samplerate": float(self.takes)}

    def start(self) -> None:
        self.ask(BLOCK)  # a device asks at once, long before there is audio
        self._loop.call_soon_threadsafe(self.opened.set)

    def abort(self, ignore_errors: bool) -> None:
        self.aborted = True

    def close(self, ignore_errors: bool) -> None:
        pass

    def ask(self, frames: int = BLOCK) -> NDArray[np.float32]:
        out = np.full((frames, 1), np.nan, dtype=np.float32)
        time = SimpleNamespace(currentTime=5.0, outputBufferDacTime=5.0 + LATENCY_S)
        try:
            self._callback(out, frames, time, None)
        except CallbackStop:
            self.stopped = True
            self._finished()
        assert not np.isnan(out).any(), "every sample is filled"
        self.heard.append(out[:, 0])
        return out[:, 0]

    def ask_until_it_may_stop(self) -> NDArray[np.float32]:
        first = len(self.heard)
        while not self.stopped:
            self.ask()
        return np.concatenate(self.heard[first:])

    def lose(self) -> None:
        """Pulls the plug."""
        self.opened.clear()
        self._finished()

    def _terminate(self) -> None:
        self.looks += 1

    def _initialize(self) -> None:
        pass

    async def here(self) -> None:
        self._loop = asyncio.get_running_loop()


def ramp(start: int, stop: int) -> NDArray[np.float32]:
    return np.arange(start, stop, dtype=np.float32)
