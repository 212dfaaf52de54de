"""The text of one utterance on its way to the engine, within the limits of the service."""

from __future__ import annotations

from service.config import ServiceConfig
from service.engines.engine import AsyncEngine
from service.rpc.errors import TextTooLong, TooManyFlushes


class TextInput:
    """`ended`: no more comes."""

    def __init__(self, engine: AsyncEngine, utterance_id: str, config: ServiceConfig) -> None:
        self.ended = False
        self._engine, self._id, self._config = engine, utterance_id, config
        self._chars = 0
        self._flushes_waiting = 0

    def push(self, text: str) -> None:
        """Raises TextTooLong."""
        self._chars += len(text)
        if self._chars > self._config.max_text_chars:
            raise TextTooLong(self._chars, self._config.max_text_chars)
        self._engine.push_text(self._id, text)

    def flush(self, flush_id: int) -> None:
        """Raises TooManyFlushes."""
        if self._flushes_waiting >= self._config.max_flushes:
            raise TooManyFlushes(self._config.max_flushes)
        self._flushes_waiting += 1
        self._engine.flush(self._id, flush_id)

    def flushed(self) -> None:
        """A flush was spoken."""
        self._flushes_waiting -= 1

    def end(self) -> None:
        self.ended = True
        self._engine.end_input(self._id)
