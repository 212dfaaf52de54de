"""An engine in this process: its threads tell the event loop what there is to hear."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import cached_property

from engine.errors import GaplessError
from engine.messages import (
    Accepted,
    CreatedVoice,
    Engine,
    EngineInfo,
    EngineStats,
    NewVoice,
    Playback,
    Sink,
    Usage,
    Utterance,
    VoiceInfo,
)
from service.loop import on_this_loop


class InProcess:
    """Implements `service.engines.engine.AsyncEngine`. The engine's owner closes it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @cached_property
    def _info(self) -> EngineInfo:
        return self._engine.info()

    def info(self) -> EngineInfo:
        """Asked once: it does not change, and whoever asks need not wait for the engine."""
        return self._info

    def voices(self) -> Sequence[VoiceInfo]:
        return self._engine.voices()

    def stats(self) -> EngineStats:
        return self._engine.stats()

    async def create_voice(self, voice: NewVoice) -> CreatedVoice:
        left = threading.Event()

        def create() -> CreatedVoice:
            created = self._engine.create_voice(voice)
            if left.is_set():
                with contextlib.suppress(GaplessError):
                    self._engine.delete_voice(voice.name)
            return created

        try:
            return await asyncio.to_thread(create)
        except asyncio.CancelledError:
            left.set()
            raise

    async def delete_voice(self, name: str) -> None:
        await asyncio.to_thread(self._engine.delete_voice, name)

    async def voice_file(self, name: str) -> bytes:
        return await asyncio.to_thread(self._engine.voice_file, name)

    async def add_voice_file(self, name: str, content: bytes) -> None:
        await asyncio.to_thread(self._engine.add_voice_file, name, content)

    async def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        return self._engine.submit(utterance, on_this_loop(sink))

    def push_text(self, utterance_id: str, text: str) -> None:
        self._engine.push_text(utterance_id, text)

    def flush(self, utterance_id: str, flush_id: int) -> None:
        self._engine.flush(utterance_id, flush_id)

    def end_input(self, utterance_id: str) -> None:
        self._engine.end_input(utterance_id)

    def release(self, utterance_id: str, num_samples: int) -> None:
        self._engine.release(utterance_id, num_samples)

    def playback(self, utterance_id: str, playback: Playback) -> None:
        self._engine.playback(utterance_id, playback)

    async def cancel(self, utterance_id: str) -> Usage | None:
        return self._engine.cancel(utterance_id)

    def drop(self, utterance_id: str) -> None:
        self._engine.cancel(utterance_id)

    def on_serving(self, tell: Callable[[bool], None]) -> None:
        tell(True)
        self._engine.on_close(on_this_loop(lambda: tell(False)))
