"""What sessions and voices need of an engine, wherever it runs: `engine.messages.Engine` for the asyncio loop.

All methods are called on the event loop, but `info`, `voices` and `stats`, which any thread may call: they return at
once and tell what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from engine.messages import (
    Accepted,
    CreatedVoice,
    EngineInfo,
    EngineStats,
    NewVoice,
    Playback,
    Sink,
    Usage,
    Utterance,
    VoiceInfo,
)


class AsyncEngine(Protocol):
    def info(self) -> EngineInfo: ...

    def voices(self) -> Sequence[VoiceInfo]: ...

    def stats(self) -> EngineStats: ...

    async def create_voice(self, voice: NewVoice) -> CreatedVoice:
        """Raises what `engine.messages.Engine.create_voice` raises. Cancelled, it leaves no voice."""
        ...

    async def delete_voice(self, name: str) -> None:
        """Raises UnknownVoice, Unsupported (a voice of the model itself), StorageError."""
        ...

    async def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        """Admits an utterance; its events go to `sink`, on the event loop, in order. What is pushed while this is
        awaited goes to the engine with it.

        Raises InvalidRequest, Unsupported, Overloaded or EngineClosed; nothing runs then, nor if it is cancelled."""
        ...

    # These, but `cancel`, only pass something on; for an utterance that has ended they do nothing.

    def push_text(self, utterance_id: str, text: str) -> None: ...

    def flush(self, utterance_id: str, flush_id: int) -> None: ...

    def end_input(self, utterance_id: str) -> None: ...

    def release(self, utterance_id: str, num_samples: int) -> None: ...

    def playback(self, utterance_id: str, playback: Playback) -> None: ...

    async def cancel(self, utterance_id: str) -> Usage | None:
        """Frees everything within one token. Gives what was done for it; None where it had ended."""
        ...

    def drop(self, utterance_id: str) -> None:
        """As `cancel`, for those who need not know what was done."""
        ...

    def on_serving(self, tell: Callable[[bool], None]) -> None:
        """`tell` is called on the event loop with False when nothing can be spoken any more, and with True when it
        can again; at once with how it is now."""
        ...
