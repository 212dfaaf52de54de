"""Spans of a gateway: the way of each chunk from its engine, and moves to another one. In the utterance's own trace."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.trace import Span, Tracer

from engine.messages import AudioChunk
from service.engines.record import Record
from service.engines.timings import Way
from service.observability.tracing import parent_context


class EngineSpans:
    def __init__(self, tracer: Tracer | None) -> None:
        """None: there are none."""
        self._tracer = tracer or trace.NoOpTracer()

    def way(self, record: Record, chunk: AudioChunk, way: Way) -> None:
        if traceparent := record.utterance.traceparent:
            attributes = {"tts.chunk.samples": chunk.num_samples}
            parent = parent_context({}, {"traceparent": traceparent})
            span = self._tracer.start_span("engine.way", parent, attributes=attributes, start_time=way.sent_ns)
            span.end(way.received_ns)

    def move(self, record: Record, lost: str, why: str, since_ns: int) -> Span:
        """Begun; `lost`: the address of the engine that is."""
        attributes: dict[str, str | int] = {
            "tts.engine.lost": lost,
            "tts.move.reason": why,
            "tts.move.samples": record.handed,
        }
        parent = parent_context({}, {"traceparent": record.utterance.traceparent})
        return self._tracer.start_span("engine.move", parent, attributes=attributes, start_time=since_ns)
