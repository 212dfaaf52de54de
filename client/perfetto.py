"""An analysis -> a trace in the JSON format that ui.perfetto.dev and chrome://tracing open: one lane for each hop.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Trace Event Format).
Instants are microseconds since the first event. Chunks are joined by arrows from stage to stage.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .hops import Hop
from .passage import Passage
from .signs import Span
from .verdict import Analysis

_SERVER, _CLIENT, _VERDICT = 1, 2, 3  # process ids
_LANES = {  # name of the lane: process, thread id
    "T3": (_SERVER, 1),
    "flow": (_SERVER, 2),
    "vocoder": (_SERVER, 3),
    "audio channel": (_SERVER, 4),
    "pacing": (_SERVER, 5),
    "server loop blocked": (_SERVER, 6),
    "text": (_CLIENT, 1),
    "network": (_CLIENT, 2),
    "client buffer": (_CLIENT, 3),
    "play": (_CLIENT, 4),
    "silence": (_CLIENT, 5),
    "audio device": (_CLIENT, 6),
    "client loop blocked": (_CLIENT, 7),
    "client reader stalled": (_CLIENT, 8),
    "questions to the server's clock": (_CLIENT, 9),
    "first sound": (_VERDICT, 1),
    "late chunks": (_VERDICT, 2),
}
_PROCESSES = {_SERVER: "server", _CLIENT: "client", _VERDICT: "where the time went (critical path)"}

Event = dict[str, Any]


def trace(analysis: Analysis) -> str:
    """JSON text."""
    spans = list(_spans(analysis))
    origin_ns = min((span.start_ns for _, _, span, _ in spans), default=0)
    events = [*_names()]
    events += [_slice(lane, name, span, origin_ns, details) for lane, name, span, details in spans]
    for passage in analysis.way:
        events += _arrows(passage, origin_ns, analysis.record.sample_rate)
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": _summary(analysis)})


def _summary(analysis: Analysis) -> dict[str, str]:
    started = analysis.record.started
    return {"verdict": analysis.verdict.sentence, "utterance": started.utterance_id if started else ""}


def _names() -> Iterator[Event]:
    for process, name in _PROCESSES.items():
        yield {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": name}}
        yield {"ph": "M", "name": "process_sort_index", "pid": process, "tid": 0, "args": {"sort_index": process}}
    for lane, (process, thread) in _LANES.items():
        yield {"ph": "M", "name": "thread_name", "pid": process, "tid": thread, "args": {"name": lane}}
        yield {"ph": "M", "name": "thread_sort_index", "pid": process, "tid": thread, "args": {"sort_index": thread}}


Slice = tuple[str, str, Span, dict[str, Any]]  # lane, name, when, details


def _spans(analysis: Analysis) -> Iterator[Slice]:
    before: Passage | None = None
    for passage in analysis.way:
        yield from _stages(passage, before)
        before = passage
    yield from _sound(analysis)
    for hop in (Hop.SERVER_LOOP, Hop.CLIENT_LOOP, Hop.CLIENT_READER):
        for block in analysis.blocks.of(hop):
            yield hop.words, "blocked", block, {}
    if device := analysis.signs.device:
        yield "audio device", "opening", device.opening, {}
        for stall in device.stalls:
            yield "audio device", "stands still", stall, {}
    for exchange in analysis.signs.exchanges:
        yield "questions to the server's clock", "question", Span(exchange.sent_ns, exchange.received_ns), {}
    for piece in analysis.record.sent:
        details = {"characters": piece.characters}
        yield "text", "text", Span(piece.asked_ns or piece.sent_ns, piece.sent_ns + 1000), details
    for budget in analysis.budgets:
        lane = "first sound" if budget.name == "first_sound" else "late chunks"
        for one in budget.pieces:
            yield lane, one.hop.words, one.span, {"chunk": one.chunk}


def _stages(passage: Passage, before: Passage | None) -> Iterator[Slice]:
    name, details = f"chunk {passage.seq}", {"chunk": passage.seq, "segment": passage.segment}
    if passage.stamped:
        begun_ns = before.t3_last_ns if before and not passage.new_segment else passage.t3_start_ns
        tokens = details | {"tokens": passage.tokens}
        window = details | {"tokens": passage.window, "speculative": passage.speculative}
        sent_ns = passage.write_start_ns - passage.paced_ns
        yield "T3", name, Span(begun_ns, passage.t3_last_ns), tokens
        yield "flow", name, Span(passage.flow_start_ns, passage.flow_end_ns), window
        yield "vocoder", name, Span(passage.flow_end_ns, passage.vocoder_end_ns), details
        yield "audio channel", name, Span(passage.vocoder_end_ns, sent_ns), details
        if passage.paced_ns:
            yield "pacing", name, Span(sent_ns, passage.write_start_ns), details
        yield "network", name, Span(passage.write_start_ns, passage.received_ns), details
    yield "client buffer", name, Span(passage.received_ns, passage.given_ns), details


def _sound(analysis: Analysis) -> Iterator[Slice]:
    rate = analysis.record.sample_rate
    for passage in analysis.way:
        details = {"chunk": passage.seq, "late_ms": passage.late_ns / 1e6 if passage.seq else 0.0}
        if rate:
            yield "play", f"chunk {passage.seq}", _playing(passage, rate), details
        if passage.seq and passage.late_ns > 0:
            yield "silence", f"waiting for chunk {passage.seq}", Span(passage.due_ns, passage.sounded_ns), details


def _playing(passage: Passage, rate: int) -> Span:
    return Span(passage.sounded_ns, passage.sounded_ns + passage.num_samples * 1_000_000_000 // rate)


def _slice(lane: str, name: str, span: Span, origin_ns: int, details: dict[str, Any]) -> Event:
    process, thread = _LANES[lane]
    return {
        "ph": "X",
        "name": name,
        "cat": lane,
        "pid": process,
        "tid": thread,
        "ts": (span.start_ns - origin_ns) / 1e3,
        "dur": span.length_ns / 1e3,
        "args": details,
    }


def _arrows(passage: Passage, origin_ns: int, rate: int) -> Iterator[Event]:
    """From T3 to flow, vocoder, network, playing: where the chunk went."""
    if not passage.stamped or not rate:
        return
    stops = (
        ("T3", passage.t3_last_ns),
        ("flow", passage.flow_end_ns),
        ("vocoder", passage.vocoder_end_ns),
        ("network", passage.received_ns),
        ("play", passage.sounded_ns),
    )
    for index, (lane, at_ns) in enumerate(stops):
        process, thread = _LANES[lane]
        phase = "s" if index == 0 else "f" if index == len(stops) - 1 else "t"
        # An arrow binds to the slice around its instant: a little before the slice's end, or after its begin.
        instant_ns = at_ns + 1000 if phase == "f" else at_ns - 1000
        yield {
            "ph": phase,
            "bp": "e",
            "id": passage.seq,
            "name": "chunk",
            "cat": "chunk",
            "pid": process,
            "tid": thread,
            "ts": (instant_ns - origin_ns) / 1e3,
        }
