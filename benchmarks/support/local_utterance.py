"""One utterance through an engine in this process, and what came of it when. Nothing is paced."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field

from benchmarks.support.simulated_listener import Arrival, audio_s
from engine.clock import now_ns
from engine.engine import LocalEngine
from engine.messages import AudioChunk, Event, Failed, Finished, Usage, Utterance

LIMIT_S = 600.0


@dataclass(kw_only=True)
class Heard:
    arrivals: list[Arrival] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    tail_s: float = 0.0  # from the stop token to the last audio

    @property
    def audio_s(self) -> float:
        return audio_s(self.arrivals)


def arrival(chunk: AudioChunk, ready_ns: int, began_ns: int, rate: int, begins_segment: bool) -> Arrival:
    return Arrival(
        ready_s=(ready_ns - began_ns) / 1e9,
        audio_s=chunk.num_samples / rate,
        hint_s=chunk.prebuffer_hint_s,
        begins_segment=begins_segment,
        window=chunk.timings.window_tokens,
    )


def speak(engine: LocalEngine, utterance: Utterance, text: str, *, enough_s: float | None = None) -> Heard:
    """Speaks `text`; up to `enough_s` seconds of audio, if given. Raises what the utterance failed with."""
    arrived: queue.SimpleQueue[tuple[int, Event]] = queue.SimpleQueue()
    rate, heard = engine.info().sample_rate, Heard()
    began_ns, ends_segment = now_ns(), False
    engine.submit(utterance, lambda event: arrived.put((now_ns(), event)))
    engine.push_text(utterance.id, text)
    engine.end_input(utterance.id)
    try:
        while enough_s is None or heard.audio_s < enough_s:
            ready_ns, event = arrived.get(timeout=LIMIT_S)
            if isinstance(event, AudioChunk):
                engine.release(utterance.id, event.num_samples)
                heard.arrivals.append(arrival(event, ready_ns, began_ns, rate, ends_segment))
                heard.tail_s = (ready_ns - event.timings.t3_last_token_ns) / 1e9
                ends_segment = event.end_of_segment
            elif isinstance(event, Failed):
                raise event.error
            elif isinstance(event, Finished):
                heard.usage = event.usage
                break
    finally:
        engine.cancel(utterance.id)
    return heard
