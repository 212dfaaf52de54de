"""The engine's spans: one per window and hop, in the utterance's trace, and none for a parent that is not sampled."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from engine import tracing
from engine.checkpoints import load
from engine.clock import now_ns
from engine.engine import LocalEngine
from engine.messages import AudioChunk, ChunkTimings, Event, Utterance
from engine.options import EngineOptions
from engine.scheduling.ledger import SegmentTokens
from engine.text.origin import Origin
from engine.text.segmenter import TextSegment
from engine.tracing import UtteranceTrace
from tests.engine.scripted import SAMPLES_PER_TOKEN
from tests.engine.tiny import write_tiny_model

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HOPS = ["text.segment", "queue.text", "t3.prefill", "t3.decode", "queue.tokens", "flow.window", "queue.mel", "vocoder"]


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def segment_and_chunk() -> tuple[SegmentTokens, AudioChunk]:
    t0 = now_ns()
    at = [t0 + 1_000_000 * step for step in range(8)]
    text = TextSegment(text="Hello.", origin=Origin.verbatim(0, len("Hello.")), received_ns=at[0], cut_ns=at[0])
    segment = SegmentTokens(index=0, text=text, spoken="hello.", t3_start_ns=at[1], prefill_end_ns=at[2])
    timings = ChunkTimings(
        text_received_ns=at[0],
        t3_start_ns=at[1],
        t3_first_token_ns=at[2],
        t3_last_token_ns=at[3],
        flow_start_ns=at[4],
        flow_end_ns=at[5],
        vocoder_start_ns=at[6],
        vocoder_end_ns=at[7],
        window_tokens=6,
        lookahead_tokens=3,
    )
    samples = np.zeros(6 * SAMPLES_PER_TOKEN, np.float32)
    return segment, AudioChunk(seq=0, first_sample=0, samples=samples, timings=timings, segment=0, end_of_segment=False)


def test_a_window_leaves_one_span_per_hop_in_the_utterances_trace(exported: InMemorySpanExporter) -> None:
    segment, chunk = segment_and_chunk()
    trace = UtteranceTrace(f"00-{TRACE_ID}-{SPAN_ID}-01")
    trace.window(segment, chunk)
    trace.end()
    spans = exported.get_finished_spans()
    assert [span.name for span in spans] == HOPS
    for span in spans:
        assert span.parent is not None
        assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE_ID, SPAN_ID)
    assert [span.end_time for span in spans[:-1]] == [span.start_time for span in spans[1:]], "hops follow each other"
    flow = spans[HOPS.index("flow.window")]
    assert flow.attributes is not None
    assert (flow.attributes["tts.window.tokens"], flow.attributes["tts.window.lookahead"]) == (6, 3)


def test_a_window_of_a_batch_links_to_the_other_utterances(exported: InMemorySpanExporter) -> None:
    segment, chunk = segment_and_chunk()
    own, untraced = UtteranceTrace(f"00-{TRACE_ID}-{SPAN_ID}-01"), UtteranceTrace("")
    other = UtteranceTrace(f"00-{TRACE_ID[::-1]}-{SPAN_ID[::-1]}-01")
    together = (own.context, other.context, untraced.context)
    own.window(segment, chunk, together)
    own.window(segment, chunk, (own.context,), together)
    own.end()
    linked = [
        (span.name, [f"{link.context.trace_id:032x}" for link in span.links])
        for span in exported.get_finished_spans()
        if span.name in ("flow.window", "vocoder")
    ]
    of_other = [TRACE_ID[::-1]]
    assert linked == [("flow.window", of_other), ("vocoder", []), ("flow.window", []), ("vocoder", of_other)]


def test_text_and_prefill_are_told_once_per_segment(exported: InMemorySpanExporter) -> None:
    segment, chunk = segment_and_chunk()
    trace = UtteranceTrace(f"00-{TRACE_ID}-{SPAN_ID}-01")
    trace.window(segment, chunk)
    trace.window(segment, chunk)
    trace.end()
    names = [span.name for span in exported.get_finished_spans()]
    assert names == HOPS + HOPS[3:]


@pytest.mark.parametrize("traceparent", ["", "garbage", f"00-{TRACE_ID}-{SPAN_ID}-00"])
def test_without_a_sampled_parent_nothing_is_built(exported: InMemorySpanExporter, traceparent: str) -> None:
    segment, chunk = segment_and_chunk()
    trace = UtteranceTrace(traceparent)
    trace.window(segment, chunk)
    trace.discarded(0, chunk.timings)
    trace.end()
    assert not exported.get_finished_spans()


def test_spans_of_a_long_utterance_do_not_wait_for_its_end(exported: InMemorySpanExporter) -> None:
    segment, chunk = segment_and_chunk()
    trace = UtteranceTrace(f"00-{TRACE_ID}-{SPAN_ID}-01")
    for _ in range(40):
        trace.window(segment, chunk)
    built = sum(span.name == "vocoder" for span in exported.get_finished_spans())
    assert 20 <= built < 40
    trace.end()
    trace.window(segment, chunk)  # was under way when the utterance ended
    assert sum(span.name == "vocoder" for span in exported.get_finished_spans()) == 41


def test_an_engine_that_closes_tells_of_the_utterances_that_it_cuts_off(
    exported: InMemorySpanExporter, tmp_path: Path
) -> None:
    engine = LocalEngine(load(str(write_tiny_model(tmp_path / "tiny"))), EngineOptions())
    arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
    engine.submit(Utterance(id="a", seed=1, traceparent=f"00-{TRACE_ID}-{SPAN_ID}-01"), arrived.put)
    engine.push_text("a", "Hello there, my friend. ")
    while not isinstance(arrived.get(timeout=30), AudioChunk):
        pass
    engine.close()
    assert {"t3.decode", "flow.window", "vocoder"} <= {span.name for span in exported.get_finished_spans()}
