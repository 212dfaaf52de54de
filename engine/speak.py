"""A whole text at once, for whoever has no stream to serve: warm-up, evaluation, benchmarks, tests."""

from __future__ import annotations

import queue

import numpy as np
from numpy.typing import NDArray

from engine.errors import UtteranceFailed
from engine.messages import AudioChunk, Engine, Event, Failed, Finished, Utterance


def events(engine: Engine, utterance: Utterance, text: str, timeout_s: float) -> list[Event]:
    """Speaks `text` and returns all events. Raises the error the utterance failed with, or UtteranceFailed after
    `timeout_s` without any event."""
    arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
    engine.submit(utterance, arrived.put)
    collected: list[Event] = []
    try:
        engine.push_text(utterance.id, text)
        engine.end_input(utterance.id)
        while not (collected and isinstance(collected[-1], Finished)):
            event = arrived.get(timeout=timeout_s)
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, AudioChunk):
                engine.release(utterance.id, event.num_samples)
            collected.append(event)
    except queue.Empty:
        raise UtteranceFailed(f"nothing came for {timeout_s} s") from None
    finally:
        engine.cancel(utterance.id)
    return collected


def speak(engine: Engine, utterance: Utterance, text: str, timeout_s: float = 60.0) -> NDArray[np.float32]:
    """[N] float32 audio at the engine's rate."""
    chunks = [event.samples for event in events(engine, utterance, text, timeout_s) if isinstance(event, AudioChunk)]
    return np.concatenate(chunks) if chunks else np.zeros(0, np.float32)
