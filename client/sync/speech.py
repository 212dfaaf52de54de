"""A text that is being spoken, kept: to be iterated over while it comes, saved, or played by a notebook."""

from __future__ import annotations

import base64
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from .._transport.loop_thread import LoopThread
from .._transport.reader import closed_meanwhile
from ..audio import Samples, to_wav
from ..record import Record
from ..types import Chunk
from ..utterance import Utterance


class Speech:
    """Made by `Client.say`. It is spoken whether somebody looks or not; `cancel` stops it, and so does forgetting it.

    Whatever needs all of it waits for its end. What stopped it before its end is raised there, as a ClientError."""

    def __init__(self, thread: LoopThread, utterance: Utterance, text: str) -> None:
        self._record = utterance.record
        self._kept = _Kept()
        self._work = thread.start(self._kept.fill(utterance, text))
        self._work.add_done_callback(self._kept.wake)
        self._is_cancelled = False
        weakref.finalize(self, self._work.cancel).atexit = False

    def __iter__(self) -> Iterator[Chunk]:
        """The audio as it comes; from its beginning, each time."""
        at = 0
        while (chunk := self._kept.get(at, self._work)) is not None:
            yield chunk
            at += 1
        if self._work.cancelled() and not self._is_cancelled:
            raise closed_meanwhile()
        if not self._is_cancelled:
            self._work.result()

    @property
    def record(self) -> Record:
        """What happened, and when: `started`, `words`, `warnings`, `finished`."""
        return self._record

    @property
    def samples(self) -> Samples:
        """All of it, -1 to 1, at `sample_rate`. [N]"""
        return np.concatenate([np.zeros(0, np.float32), *(chunk.samples for chunk in self)])

    @property
    def sample_rate(self) -> int:
        """Hz; 0 before the server has told it."""
        return self._record.sample_rate

    @property
    def wav(self) -> bytes:
        """All of it as a WAV file of 16 bits a sample."""
        return to_wav(self.samples, self.sample_rate)

    def save(self, path: str | Path) -> None:
        """Writes `wav` to a file. Raises OSError."""
        Path(path).write_bytes(self.wav)

    def cancel(self) -> None:
        """Stops it; iteration ends with what has come. Idempotent."""
        self._is_cancelled = True
        self._work.cancel()

    def _repr_html_(self) -> str:
        """What a notebook shows: a player with all of it inside."""
        data = base64.b64encode(self.wav).decode()
        return f'<audio controls src="data:audio/wav;base64,{data}"></audio>'


class _Kept:
    """Chunks from the thread that receives them to those who want them."""

    def __init__(self) -> None:
        self._chunks: list[Chunk] = []
        self._changed = threading.Condition()

    async def fill(self, utterance: Utterance, text: str) -> None:
        async with utterance:
            await utterance.push(text)
            await utterance.end()
            async for chunk in utterance:
                with self._changed:
                    self._chunks.append(chunk)
                    self._changed.notify_all()

    def wake(self, work: Future[None]) -> None:
        with self._changed:
            self._changed.notify_all()

    def get(self, at: int, work: Future[None]) -> Chunk | None:
        """Waits for a chunk; None after the end of `work`."""
        with self._changed:
            self._changed.wait_for(lambda: at < len(self._chunks) or work.done())
            return self._chunks[at] if at < len(self._chunks) else None
