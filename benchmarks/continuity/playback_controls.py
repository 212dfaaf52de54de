"""What the recording of a player is compared with (bare callback, one-shot audio), and listeners to run beside it."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from client import Client

RATE = 24_000  # Hz, of voice, device and recording: nothing resamples
SILENCE_FIRST_S = 0.2
AFTER_S = 0.25  # the recorder's own latency, and more


Samples = NDArray[np.float32]


class Control:
    """A bare callback that has everything before it begins; silence first, since a stream's beginning may be lost."""

    def __init__(self, sounddevice: ModuleType, samples: Samples) -> None:
        self._sounddevice = sounddevice
        self._samples = np.concatenate([np.zeros(round(SILENCE_FIRST_S * RATE), np.float32), samples])
        self._read = 0

    async def play(self) -> None:
        stream = self._sounddevice.OutputStream(samplerate=RATE, channels=1, dtype="float32", callback=self._callback)
        with stream:
            await asyncio.sleep(len(self._samples) / RATE + 2 * stream.latency + AFTER_S)

    def _callback(self, out: Samples, frames: int, instant: Any, status: Any) -> None:
        part = self._samples[self._read : self._read + frames]
        out[: len(part), 0] = part
        out[len(part) :] = 0.0
        self._read += len(part)


def one_shots(texts: Sequence[str]) -> list[Samples]:
    """Each text by itself, in the largest windows; the place in the list is the seed."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_one_shots, [list(texts)])


def _one_shots(texts: Sequence[str]) -> list[Samples]:
    from engine.checkpoints import load
    from engine.engine import LocalEngine
    from engine.messages import Utterance
    from engine.options import EngineOptions
    from engine.speak import speak

    model = load("embedded")
    largest = max(model.config.ladder.sizes)
    engine = LocalEngine(model, EngineOptions(max_utterances=1, by_deadline=False, ladder=(largest,)))
    try:
        return [speak(engine, Utterance(id=str(seed), seed=seed), text) for seed, text in enumerate(texts)]
    finally:
        engine.close()


@contextlib.contextmanager
def other_listeners(address: str, streams: int) -> Iterator[Callable[[], bool]]:
    """So many other listeners, in a process of their own; whether they are still there."""
    if not streams:
        yield lambda: True
        return
    process = multiprocessing.get_context("spawn").Process(target=_speak, args=[address, streams], daemon=True)
    process.start()
    try:
        yield process.is_alive
    finally:
        process.kill()
        process.join()


def _speak(address: str, streams: int) -> None:
    from benchmarks.support import load_generator
    from benchmarks.support.texts import texts

    async def speak() -> None:
        async with Client(address) as client:
            speaker = load_generator.OverWire(client)
            await load_generator.generate_load(speaker, streams, 36_000.0, tuple(texts(24)), seed=1)

    asyncio.run(speak())
