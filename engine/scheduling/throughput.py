"""How much speech an engine makes in a second, measured by having it speak, at start and before anybody is served."""

from __future__ import annotations

import queue

from engine.clock import now_ns
from engine.errors import UtteranceFailed
from engine.messages import AudioChunk, Engine, Event, Failed, Finished, Sink, Utterance

TEXT = "Saying it shows what can be said."  # some two seconds
_NS_PER_S = 1_000_000_000
_Arrived = queue.SimpleQueue[tuple[str, Event]]


def audio_per_s(engine: Engine, voice: str, count: int, timeout_s: float) -> float:
    """Seconds of audio per second of `count` utterances that begin at the same time and speak as fast as they can.

    Raises the error that an utterance failed with, or UtteranceFailed after `timeout_s` without any event."""
    arrived: _Arrived = queue.SimpleQueue()
    names = [f"measure-{count}-{index}" for index in range(count)]
    samples, speaking, began = 0, set(names), now_ns()
    try:
        for index, name in enumerate(names):
            engine.submit(Utterance(id=name, voice=voice, seed=index), _sink(arrived, name))
            engine.push_text(name, TEXT)
            engine.end_input(name)
        while speaking:
            name, event = arrived.get(timeout=timeout_s)
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, AudioChunk):
                samples += event.num_samples
                engine.release(name, event.num_samples)
            if isinstance(event, Finished):
                speaking.remove(name)
    except queue.Empty:
        raise UtteranceFailed(f"nothing came for {timeout_s} s") from None
    finally:
        for name in names:
            engine.cancel(name)
    return samples / engine.info().sample_rate * _NS_PER_S / (now_ns() - began)


def _sink(arrived: _Arrived, name: str) -> Sink:
    return lambda event: arrived.put((name, event))
