"""Spans of the engine's hops: one per window and hop, never per token, built after the audio has left.

The engine knows the OpenTelemetry API only; without an SDK, or for an unsampled parent, nothing is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from engine.ledger import SegmentTokens
from engine.messages import AudioChunk, ChunkTimings

_TRACER = trace.get_tracer("gapless.engine")
_W3C = TraceContextTextMapPropagator()


def parent(traceparent: str) -> Context:
    """The context that a W3C `traceparent` stands for; an empty one for "" or garbage."""
    return _W3C.extract({"traceparent": traceparent}, context=Context())


def record_window(
    parent: Context,
    segment: SegmentTokens,
    chunk: AudioChunk,
    flow_batch: Sequence[Context] = (),
    vocoder_batch: Sequence[Context] = (),
) -> None:
    """The way of one window from text to audio, as children of the utterance's span.

    Batches: the parents of the utterances whose windows the flow, and the vocoder, ran together, in their order."""
    if not trace.get_current_span(parent).get_span_context().trace_flags.sampled:
        return
    timings = chunk.timings
    common = {"tts.segment": chunk.segment, "tts.chunk.seq": chunk.seq}
    window = {
        **common,
        "tts.window.tokens": timings.window_tokens,
        "tts.window.lookahead": timings.lookahead_tokens,
        "tts.window.speculative": timings.speculative,
        "tts.window.discarded": False,
    }
    if not segment.traced:
        segment.traced = True
        text = segment.text
        characters = {**common, "tts.characters": len(text.text)}
        _span(parent, "text.segment", text.received_ns, text.cut_ns, characters)
        _span(parent, "queue.text", text.cut_ns, segment.t3_start_ns, common)
        _span(parent, "t3.prefill", segment.t3_start_ns, segment.prefill_end_ns, common)
    _span(parent, "t3.decode", timings.t3_first_token_ns, timings.t3_last_token_ns, window)
    _span(parent, "queue.tokens", timings.t3_last_token_ns, timings.flow_start_ns, common)
    run = {**window, "tts.batch.size": timings.flow_batch, "tts.batch.id": timings.flow_start_ns}
    _span(parent, "flow.window", timings.flow_start_ns, timings.flow_end_ns, run, _links(flow_batch, parent))
    _span(parent, "queue.mel", timings.flow_end_ns, timings.vocoder_start_ns, common)
    run = {**common, "tts.batch.size": timings.vocoder_batch, "tts.batch.id": timings.vocoder_start_ns}
    audio = {**run, "tts.audio.samples": chunk.num_samples}
    _span(parent, "vocoder", timings.vocoder_start_ns, timings.vocoder_end_ns, audio, _links(vocoder_batch, parent))


def record_discarded(parent: Context, segment: int, timings: ChunkTimings) -> None:
    """A speculative window that came to nothing."""
    if trace.get_current_span(parent).get_span_context().trace_flags.sampled:
        window = {
            "tts.segment": segment,
            "tts.window.tokens": timings.window_tokens,
            "tts.window.lookahead": timings.lookahead_tokens,
            "tts.window.speculative": True,
            "tts.window.discarded": True,
        }
        _span(parent, "flow.window", timings.flow_start_ns, timings.flow_end_ns, window)


def _links(batch: Sequence[Context], own: Context) -> list[trace.Link]:
    """To the other utterances of a batch."""
    spans = [trace.get_current_span(context).get_span_context() for context in batch if context is not own]
    return [trace.Link(span) for span in spans if span.is_valid]


def _span(
    parent: Context,
    name: str,
    start_ns: int,
    end_ns: int,
    attributes: Mapping[str, int | bool],
    links: Sequence[trace.Link] = (),
) -> None:
    if start_ns and end_ns:
        span = _TRACER.start_span(name, context=parent, start_time=start_ns, attributes=attributes, links=links)
        span.end(end_time=max(start_ns, end_ns))
