"""Spans of the engine's hops: one per window and hop, never per token, built some windows after the audio has left.

The engine knows the OpenTelemetry API only; without an SDK, or for an unsampled parent, nothing is built.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from engine.messages import AudioChunk, ChunkTimings
from engine.text.segmenter import TextSegment

_TRACER = trace.get_tracer("gapless.engine")
_W3C = TraceContextTextMapPropagator()
_AT_A_TIME = 16


class TracedSegment(Protocol):
    """A segment in T3: where it stands in its utterance, its text, and when T3 worked on it."""

    index: int
    text: TextSegment
    t3_start_ns: int
    prefill_end_ns: int
    traced: bool  # its text and prefill are in the trace


class InBulk:
    """Work on spans that is put off and done together. Between two windows it would find the SDK out of the processor's
    caches each time and take several times as long. For any thread."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._ended = False

    def add(self, work: Callable[[], None]) -> None:
        """Puts it off, so that this may be called with a lock held."""
        self._waiting.append(work)
        if self._ended:
            self._do()

    def catch_up(self) -> None:
        """Does what waits if that is enough to be worth it."""
        if len(self._waiting) >= _AT_A_TIME:
            self._do()

    def end(self) -> None:
        """Does what waits, and from now on everything at once."""
        self._ended = True
        self._do()

    def _do(self) -> None:
        while True:
            try:
                work = self._waiting.popleft()
            except IndexError:
                return
            work()


class UtteranceTrace:
    """What the engine tells of one utterance."""

    def __init__(self, traceparent: str) -> None:
        """A W3C `traceparent`; "" or garbage: nothing is told."""
        self.context = _W3C.extract({"traceparent": traceparent}, context=Context())
        self._sampled = trace.get_current_span(self.context).get_span_context().trace_flags.sampled
        self._spans = InBulk()

    def window(
        self,
        segment: TracedSegment,
        chunk: AudioChunk,
        flow_batch: Sequence[Context] = (),
        vocoder_batch: Sequence[Context] = (),
    ) -> None:
        """The way of one window from text to audio.

        Batches: the contexts of the utterances whose windows the flow, and the vocoder, ran together."""
        if self._sampled:
            if not segment.traced:
                segment.traced = True
                self._spans.add(partial(_record_segment, self.context, segment, chunk.seq))
            about = {"tts.segment": chunk.segment, "tts.chunk.seq": chunk.seq}
            window = (self.context, about, chunk.timings, chunk.num_samples, flow_batch, vocoder_batch)
            self._spans.add(partial(_record_window, *window))
            self._spans.catch_up()

    def discarded(self, segment: int, timings: ChunkTimings) -> None:
        """A speculative window that came to nothing. Told with the next window that came to something."""
        if self._sampled:
            self._spans.add(partial(_record_discarded, self.context, segment, timings))

    def end(self) -> None:
        """The utterance is over. A window that was under way may still come."""
        self._spans.end()


def _record_segment(parent: Context, segment: TracedSegment, seq: int) -> None:
    text, about = segment.text, {"tts.segment": segment.index, "tts.chunk.seq": seq}
    characters = {**about, "tts.characters": len(text.text)}
    _span(parent, "text.segment", text.received_ns, text.cut_ns, characters)
    _span(parent, "queue.text", text.cut_ns, segment.t3_start_ns, about)
    _span(parent, "t3.prefill", segment.t3_start_ns, segment.prefill_end_ns, about)


def _record_window(
    parent: Context,
    about: Mapping[str, int],
    timings: ChunkTimings,
    num_samples: int,
    flow_batch: Sequence[Context],
    vocoder_batch: Sequence[Context],
) -> None:
    window = {**about, **_window(timings, discarded=False)}
    _span(parent, "t3.decode", timings.t3_first_token_ns, timings.t3_last_token_ns, window)
    _span(parent, "queue.tokens", timings.t3_last_token_ns, timings.flow_start_ns, about)
    run = {**window, "tts.batch.size": timings.flow_batch, "tts.batch.id": timings.flow_start_ns}
    _span(parent, "flow.window", timings.flow_start_ns, timings.flow_end_ns, run, _links(flow_batch, parent))
    _span(parent, "queue.mel", timings.flow_end_ns, timings.vocoder_start_ns, about)
    run = {**about, "tts.batch.size": timings.vocoder_batch, "tts.batch.id": timings.vocoder_start_ns}
    audio = {**run, "tts.audio.samples": num_samples}
    _span(parent, "vocoder", timings.vocoder_start_ns, timings.vocoder_end_ns, audio, _links(vocoder_batch, parent))


def _record_discarded(parent: Context, segment: int, timings: ChunkTimings) -> None:
    window = {"tts.segment": segment, **_window(timings, discarded=True)}
    _span(parent, "flow.window", timings.flow_start_ns, timings.flow_end_ns, window)


def _window(timings: ChunkTimings, *, discarded: bool) -> dict[str, int | bool]:
    return {
        "tts.window.tokens": timings.window_tokens,
        "tts.window.lookahead": timings.lookahead_tokens,
        "tts.window.speculative": timings.speculative,
        "tts.window.discarded": discarded,
    }


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
